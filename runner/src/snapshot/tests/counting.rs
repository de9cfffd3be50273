//! A store in memory that counts, and fails or loses everything when told to.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use blobs::{BlobName, BlobStore, Error, Result};
use bytes::Bytes;

#[derive(Default)]
pub(super) struct Counting {
    pub(super) blobs: Mutex<BTreeMap<BlobName, Bytes>>,
    pub(super) bytes_put: AtomicU64,
    pub(super) bytes_got: AtomicU64,
    pub(super) refuse_manifests: AtomicBool,
    pub(super) lose_before_manifest: AtomicBool,
    pub(super) is_away: AtomicBool,
    lost: AtomicU64,
}

impl Counting {
    pub(super) fn names(&self) -> Vec<String> {
        self.blobs.lock().unwrap().keys().map(BlobName::to_string).collect()
    }

    /// Bytes put since the last call.
    pub(super) fn put_since(&self) -> u64 {
        self.bytes_put.swap(0, Ordering::SeqCst)
    }

    /// Bytes got since the last call.
    pub(super) fn got_since(&self) -> u64 {
        self.bytes_got.swap(0, Ordering::SeqCst)
    }

    /// Loses everything, and is made anew.
    pub(super) fn wipe(&self) {
        self.blobs.lock().unwrap().clear();
        self.lost.fetch_add(1, Ordering::SeqCst);
    }

    /// Changes one byte in the middle of every blob of a kind.
    pub(super) fn damage(&self, suffix: &str) {
        for (name, content) in self.blobs.lock().unwrap().iter_mut() {
            if name.as_str().ends_with(suffix) {
                let mut bytes = content.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                *content = bytes.into();
            }
        }
    }
}

#[async_trait]
impl BlobStore for Counting {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        if self.refuse_manifests.load(Ordering::SeqCst) && name.as_str().ends_with(".manifest") {
            return Err(Error::unavailable("write", "the cable is cut"));
        }
        if name.as_str().ends_with(".manifest") && self.lose_before_manifest.swap(false, Ordering::SeqCst) {
            self.wipe();
        }
        self.bytes_put.fetch_add(content.len() as u64, Ordering::SeqCst);
        let before = self.blobs.lock().unwrap().insert(name.clone(), content);
        assert!(before.is_none(), "{name} was used twice");
        Ok(())
    }

    async fn get(&self, name: &BlobName) -> Result<Bytes> {
        let found = self.blobs.lock().unwrap().get(name).cloned();
        let found = found.ok_or_else(|| Error::NotFound(name.clone()))?;
        self.bytes_got.fetch_add(found.len() as u64, Ordering::SeqCst);
        Ok(found)
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let found = self.blobs.lock().unwrap().get(name).cloned();
        let found = found.ok_or_else(|| Error::NotFound(name.clone()))?;
        if range.end > found.len() as u64 {
            let name = name.clone();
            return Err(Error::OutOfRange { name, range });
        }
        self.bytes_got.fetch_add(range.end - range.start, Ordering::SeqCst);
        Ok(found.slice(range.start as usize..range.end as usize))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>> {
        let blobs = self.blobs.lock().unwrap();
        Ok(blobs
            .keys()
            .filter(|name| name.as_str().starts_with(prefix))
            .cloned()
            .collect())
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        self.blobs.lock().unwrap().remove(name);
        Ok(())
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn identity(&self) -> Result<String> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(Error::unavailable("say who it is", "the cable is cut")),
            false => Ok(self.lost.load(Ordering::SeqCst).to_string()),
        }
    }
}
