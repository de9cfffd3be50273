//! A bounded set of things that were read once: which is there, how old it is, and who reads it again.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proto::time::Monotonic;
use quick_cache::sync::Cache;

/// Things kept of each kind. At some 500 bytes each that is 25 MB at most; more chats than this in use within seconds
/// cost a read each.
const KEPT_MAX: usize = 50_000;

/// Things by key, the ones used lately.
pub(super) struct Known<K, V> {
    entries: Cache<K, Arc<Entry<V>>>,
    /// Grows when something is forgotten, so that what was being read meanwhile is not kept.
    forgotten: AtomicU64,
}

/// One thing as it was read.
pub(super) struct Entry<V> {
    pub(super) value: Arc<V>,
    pub(super) read_at: Monotonic,
    /// Somebody reads it again now.
    reading: AtomicBool,
}

/// The right to read an entry again; ends when dropped, for whatever reason.
pub(super) struct Reading<V>(Arc<Entry<V>>);

impl<V> Drop for Reading<V> {
    fn drop(&mut self) {
        self.0.reading.store(false, Ordering::Release);
    }
}

impl<V> Entry<V> {
    /// Begins to read this again, unless somebody does.
    pub(super) fn begin_reading(self: &Arc<Self>) -> Option<Reading<V>> {
        let begun = !self.reading.swap(true, Ordering::Acquire);
        begun.then(|| Reading(Arc::clone(self)))
    }
}

impl<K: Hash + Eq + Clone, V> Known<K, V> {
    pub(super) fn new() -> Self {
        Self {
            entries: Cache::new(KEPT_MAX),
            forgotten: AtomicU64::new(0),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<Arc<Entry<V>>> {
        self.entries.get(key)
    }

    /// To be taken before a read and handed to [`Known::keep`].
    pub(super) fn mark(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    /// Keeps what was read, unless something was forgotten since `mark`: it may be older than that.
    pub(super) fn keep(&self, mark: u64, key: &K, value: Arc<V>, read_at: Monotonic) {
        let entry = Entry {
            value,
            read_at,
            reading: AtomicBool::new(false),
        };
        self.entries.insert(key.clone(), Arc::new(entry));
        // After the insertion: who forgets between a check and an insertion would be overlooked.
        if self.mark() != mark {
            self.entries.remove(key);
        }
    }

    pub(super) fn forget(&self, key: &K) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.entries.remove(key);
    }

    pub(super) fn forget_all(&self, is_meant: impl Fn(&V) -> bool) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.entries.retain(|_, entry| !is_meant(&entry.value));
    }
}
