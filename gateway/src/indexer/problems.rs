//! What is wrong with the indexer now, part by part; said when it begins and when it is over.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Key of the watchman among the partitions.
pub(super) const WATCHMAN: u32 = u32::MAX;

/// What is wrong, by partition.
#[derive(Debug, Default)]
pub(super) struct Problems {
    by_part: Mutex<BTreeMap<u32, String>>,
}

impl Problems {
    /// A part cannot do its work.
    pub(super) fn note(&self, part: u32, error: &(dyn Error + 'static)) {
        let mut problems = self.lock();
        if problems.is_empty() {
            tracing::warn!(
                error,
                "accepted messages are not indexed; they lie in the log until they can be"
            );
        }
        problems.insert(part, in_one_line(error));
    }

    /// It can again.
    pub(super) fn clear(&self, part: u32) {
        let mut problems = self.lock();
        if problems.remove(&part).is_some() && problems.is_empty() {
            tracing::info!("accepted messages are indexed again");
        }
    }

    /// Something that is wrong.
    pub(super) fn first(&self) -> Option<String> {
        self.lock().values().next().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, String>> {
        self.by_part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
