//! The newest calls, for tests to look at.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Call;

/// Calls kept; a long run must not fill the memory.
const CALLS_MAX: usize = 1_000;
/// Largest body kept with a call; of a larger one only the call is kept.
const BODY_KEPT_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Record(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    newest: VecDeque<Call>,
    count: u64,
}

impl Record {
    pub(super) fn note(&self, call: &Call) {
        let mut kept = call.clone();
        if kept.body.len() > BODY_KEPT_BYTES_MAX {
            kept.body = Bytes::new();
        }
        let mut calls = self.calls();
        calls.count += 1;
        if calls.newest.len() == CALLS_MAX {
            calls.newest.pop_front();
        }
        calls.newest.push_back(kept);
    }

    pub(super) fn newest(&self) -> Vec<Call> {
        self.calls().newest.iter().cloned().collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.calls().count
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
