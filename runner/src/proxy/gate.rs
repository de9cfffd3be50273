//! The hand-brake of one run's proxy.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Open or shut. Shutting aborts every request under way.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Cancelled when the gate is shut; a new one takes its place when it opens again.
    passing: Mutex<CancellationToken>,
}

impl Gate {
    /// A pass that is cancelled when the gate shuts; none while it is shut.
    pub(super) fn enter(&self) -> Option<CancellationToken> {
        Some(self.passing().clone()).filter(|pass| !pass.is_cancelled())
    }

    pub(super) fn shut(&self) {
        self.passing().cancel();
    }

    pub(super) fn reopen(&self) {
        let mut passing = self.passing();
        if passing.is_cancelled() {
            *passing = CancellationToken::new();
        }
    }

    fn passing(&self) -> MutexGuard<'_, CancellationToken> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
