//! Leases that one instance of a service holds among several: the scheduler's leadership, an account on a channel.
//!
//! The row has a holder, an epoch that grows with every change of the holder, and a counter that the holder moves. A candidate
//! takes over only what it saw unchanged for [`LeaseTimings::dead`] by its own clock, by compare-and-set on what it
//! saw; the holder trusts itself for [`LeaseTimings::trust`] after it *sent* its last good renewal. The proof of no overlap
//! is that of [`super`].

use std::fmt;

use crate::ids::Epoch;
use crate::lease::LeaseTimings;
use crate::time::Monotonic;

/// What can be held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseName {
    /// Leadership among the scheduler's replicas; its epoch is the term.
    Scheduler,
    /// The socket or poller, and the outbox, of one account on a channel.
    Account {
        /// Channel.
        channel: String,
        /// Account.
        account: String,
    },
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheduler => f.write_str("scheduler"),
            Self::Account { channel, account } => write!(f, "{channel}:{account}"),
        }
    }
}

/// A lease's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Who holds it; nobody after a clean stop.
    pub holder: Option<String>,
    /// Grows with every change of the holder.
    pub epoch: Epoch,
    /// Counter that the holder moves.
    pub heartbeat: i64,
}

/// Proof of holding a lease, sent with every act that needs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// The lease.
    pub name: LeaseName,
    /// Who holds it: unique to one life of one instance.
    pub holder: String,
    /// Since which change of the holder.
    pub epoch: Epoch,
}

/// What a candidate saw of a lease somebody else holds, and since when it has not changed, by the candidate's own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The row.
    pub row: LeaseRow,
    /// When it was seen to change for the last time.
    pub changed_at: Monotonic,
}

impl Sighting {
    /// Takes a new reading; the clock restarts when anything changed.
    #[must_use]
    pub fn observe(before: Option<Self>, row: LeaseRow, now: Monotonic) -> Self {
        match before {
            Some(before) if before.row == row => before,
            _ => Self { row, changed_at: now },
        }
    }

    /// Whether the candidate may try to take it: nobody holds it, or its holder has been silent for too long.
    pub fn may_take(&self, timings: &LeaseTimings, now: Monotonic) -> bool {
        self.row.holder.is_none() || now.since(self.changed_at) >= timings.dead
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn row(holder: Option<&str>, heartbeat: i64) -> LeaseRow {
        LeaseRow {
            holder: holder.map(str::to_owned),
            epoch: Epoch(1),
            heartbeat,
        }
    }

    #[test]
    fn a_lease_that_was_given_up_is_taken_at_once() {
        assert!(Sighting::observe(None, row(None, 0), at(0)).may_take(&LeaseTimings::FAST, at(0)));
    }

    #[test]
    fn a_held_lease_is_taken_only_after_its_holder_was_silent_for_long() {
        let seen = Sighting::observe(None, row(Some("a"), 1), at(0));
        let seen = Sighting::observe(Some(seen), row(Some("a"), 2), at(10));
        let seen = Sighting::observe(Some(seen), row(Some("a"), 2), at(20));
        assert!(!seen.may_take(&LeaseTimings::FAST, at(24)));
        assert!(seen.may_take(&LeaseTimings::FAST, at(25)));
    }
}
