//! The lease of an account as delivery sees it: whether it may act now, and under which hold.

use std::time::Duration;

use proto::lease::holding::Hold;
use proto::time::Clock;
use store::keeper::{Held, Keeper};
use tokio::sync::watch;

/// How often the end of trust is looked for, which no message announces.
const LOOK: Duration = Duration::from_millis(250);

/// The lease of one account.
#[derive(Clone, Debug)]
pub struct Lease {
    held: watch::Receiver<Option<Held>>,
    reached: watch::Receiver<bool>,
}

impl Lease {
    /// What this keeper keeps.
    pub fn of(keeper: &Keeper) -> Self {
        Self {
            held: keeper.held(),
            reached: keeper.reached(),
        }
    }

    /// The hold, if the account may be acted for right now.
    pub(crate) fn hold(&self, clock: &dyn Clock) -> Option<Hold> {
        let held = self.held.borrow();
        held.as_ref()
            .filter(|held| held.is_trusted(clock.monotonic()))
            .map(|held| held.hold.clone())
    }

    /// Whether the account may be acted for right now, under this very hold.
    pub(crate) fn is_trusted_under(&self, hold: &Hold, clock: &dyn Clock) -> bool {
        self.hold(clock).as_ref() == Some(hold)
    }

    /// Waits until the account may not be acted for under this hold. Cancel-safe.
    pub(crate) async fn ended(&self, hold: &Hold, clock: &dyn Clock) {
        while self.is_trusted_under(hold, clock) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the lease's row can be read and written: who waits for another holder is healthy, too.
    pub(crate) fn is_reached(&self) -> bool {
        *self.reached.borrow()
    }

    /// Waits until the lease is won or lost, or its row can be reached or no longer. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.held.changed() => {}
            Ok(()) = self.reached.changed() => {}
            // The keeper is gone: nothing changes any more.
            else => std::future::pending().await,
        }
    }
}
