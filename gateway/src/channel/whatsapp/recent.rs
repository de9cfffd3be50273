//! What is remembered of recent messages, in this process only: nothing depends on it but comfort (quotes, "is typing").

use quick_cache::sync::Cache;

/// Entries kept: enough for a busy day of a few hundred chats, and a few megabytes at most.
const ENTRIES_MAX: usize = 10_000;
/// Characters of a text that are kept for a quote.
const QUOTE_CHARS_MAX: usize = 300;

/// The newest entries by key.
pub(super) struct Recent<V>(Cache<String, V>);

/// A message, for a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) by: String,
    pub(super) text: String,
}

impl Said {
    pub(super) fn new(by: &str, text: &str) -> Self {
        Self {
            by: by.to_owned(),
            text: text.chars().take(QUOTE_CHARS_MAX).collect(),
        }
    }
}

impl<V: Clone> Recent<V> {
    pub(super) fn get(&self, key: &str) -> Option<V> {
        self.0.get(key)
    }

    pub(super) fn put(&self, key: &str, value: V) {
        self.0.insert(key.to_owned(), value);
    }
}

impl<V: Clone> Default for Recent<V> {
    fn default() -> Self {
        Self(Cache::new(ENTRIES_MAX))
    }
}
