//! Since when it is not known whether a part arrived.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::ids::OutboxId;
use proto::outbound::{Delivery, Part};
use proto::time::Monotonic;

/// Doubts kept: one per chat at most can be open, and who is forgotten merely waits again.
const DOUBTS_MAX: usize = 10_000;

/// The open doubts of this process. After a restart a doubt begins when it is first asked about, which is later: safe.
#[derive(Default)]
pub(super) struct Doubts(Mutex<HashMap<(OutboxId, u32), Monotonic>>);

impl Doubts {
    /// Since when a part is in doubt: since now, unless it was before.
    pub(super) fn begin(&self, delivery: &Delivery, part: &Part, now: Monotonic) -> Monotonic {
        let mut doubts = self.lock();
        if doubts.len() >= DOUBTS_MAX {
            doubts.clear();
        }
        *doubts.entry((delivery.id, part.from)).or_insert(now)
    }

    pub(super) fn end(&self, delivery: &Delivery, part: &Part) {
        self.lock().remove(&(delivery.id, part.from));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(OutboxId, u32), Monotonic>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
