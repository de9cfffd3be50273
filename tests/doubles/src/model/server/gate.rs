//! Waits that only the test ends.
//!
//! A name once released stays open: the retry of a stalled request must pass as well.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

/// The named gates of one double. Grows only with the names its script uses.
pub(super) struct Gates {
    state: watch::Sender<Gatekeeping>,
}

#[derive(Default)]
struct Gatekeeping {
    open: BTreeSet<String>,
    all_open: bool,
    waiting: BTreeMap<String, usize>,
}

impl Gates {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::new(Gatekeeping::default()),
        }
    }

    /// Opens a gate for good.
    pub(super) fn release(&self, name: &str) {
        self.state.send_modify(|state| {
            state.open.insert(name.to_owned());
        });
    }

    /// Opens every gate for good.
    pub(super) fn release_all(&self) {
        self.state.send_modify(|state| state.all_open = true);
    }

    /// Waits until the gate is open.
    pub(super) async fn pass(&self, name: &str) {
        let _waiting = Waiting::begin(&self.state, name);
        let mut changes = self.state.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = changes
            .wait_for(|state| state.all_open || state.open.contains(name))
            .await;
    }

    /// Waits until some request waits at the gate.
    pub(super) async fn reached(&self, name: &str) {
        let mut changes = self.state.subscribe();
        let _ = changes.wait_for(|state| state.waiting.contains_key(name)).await;
    }
}

/// Counts a request as waiting for as long as it lives: a client that hangs up does not wait any more.
struct Waiting<'a> {
    state: &'a watch::Sender<Gatekeeping>,
    name: &'a str,
}

impl<'a> Waiting<'a> {
    fn begin(state: &'a watch::Sender<Gatekeeping>, name: &'a str) -> Self {
        state.send_modify(|state| *state.waiting.entry(name.to_owned()).or_insert(0) += 1);
        Self { state, name }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.state.send_modify(|state| match state.waiting.get_mut(self.name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                state.waiting.remove(self.name);
            }
        });
    }
}
