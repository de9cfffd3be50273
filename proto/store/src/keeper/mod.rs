//! Keeps one lease: takes it when nobody lives who holds it, renews it, and says at any time whether it may be acted under.
//!
//! Who wins is decided by the store (compare-and-set on the row) and the epoch; [`candidate`] decides when to try, from
//! this process's monotonic clock alone; [`Keeper`] reads and writes the row. It knows nothing of the work under the lease.
//!
//! Invariants: a hold is trusted only for [`LeaseTimings::trust`] after the last good renewal was *sent*, so whoever asks
//! [`Held::is_trusted`] right before an act never acts while another may hold the lease; an outage of the store, or of this
//! process, is never taken for the silence of the holder.
//!
//! [`LeaseTimings::trust`]: proto::lease::LeaseTimings::trust

mod candidate;
mod held;
mod shell;

#[cfg(test)]
mod tests;

pub use held::Held;
pub use shell::Keeper;

/// How a lease is taken over that somebody seems to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Once its holder was silent for [`proto::lease::LeaseTimings::dead`].
    Observe,
    /// At once: something else (on one node, the lock on the database file) proves that no former holder lives.
    AtOnce,
}
