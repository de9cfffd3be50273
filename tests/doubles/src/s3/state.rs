//! What the buckets hold.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::StatusCode;

use super::server::Keys;

/// Bytes kept in all buckets together; beyond it, the disk is full.
const BYTES_MAX: usize = 1024 * 1024 * 1024;

pub(super) struct State {
    pub(super) keys: Keys,
    pub(super) bucket: String,
    objects: Mutex<BTreeMap<String, Bytes>>,
    faults: Mutex<VecDeque<StatusCode>>,
}

impl State {
    pub(super) fn new(keys: Keys, bucket: String) -> Self {
        let (objects, faults) = (Mutex::default(), Mutex::default());
        Self {
            keys,
            bucket,
            objects,
            faults,
        }
    }

    /// Keeps an object; `false` when there is no room.
    pub(super) fn put(&self, key: String, content: Bytes) -> bool {
        let mut objects = self.objects();
        let held: usize = objects.values().map(Bytes::len).sum();
        let fits = held + content.len() <= BYTES_MAX;
        if fits {
            objects.insert(key, content);
        }
        fits
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        self.objects().get(key).cloned()
    }

    pub(super) fn delete(&self, key: &str) {
        self.objects().remove(key);
    }

    /// Keys that begin with `prefix` and come after `after`, with their lengths.
    pub(super) fn list(&self, prefix: &str, after: &str) -> Vec<(String, usize)> {
        let objects = self.objects();
        let found = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        found.map(|(key, content)| (key.clone(), content.len())).collect()
    }

    pub(super) fn plan_fault(&self, status: StatusCode) {
        self.faults().push_back(status);
    }

    pub(super) fn next_fault(&self) -> Option<StatusCode> {
        self.faults().pop_front()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, VecDeque<StatusCode>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
