//! Ids in the order in which they are drawn.

use std::sync::atomic::{AtomicU64, Ordering};

use proto::ids::IdSource;
use uuid::Uuid;

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
