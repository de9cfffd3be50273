//! A group's files follow it from runner to runner.
//!
//! [`Snapshots::restore`] brings a group's directories to the committed snapshot before its first sandbox starts,
//! [`Snapshots::take`] uploads what a turn changed, and once the turn's transaction committed, [`Snapshots::committed`] makes that
//! the base of the next. The row in the store says which snapshot is the true one; the fence of the commit decides who wins. A copy
//! that stays behind when its group moves on is given up later ([`Snapshots::give_up`]).
//! What is garbage and why is proved in `proto::snapshot::collect`.
//!
//! Invariants: nothing an agent made is followed, waited for or trusted; blobs are immutable and no name is used twice; a
//! snapshot that is damaged or cannot be fetched whole changes nothing on this host.

mod collect;
pub mod config;
mod error;
mod group;
mod index;
mod metrics;
mod progress;
mod quota;
mod restore;
mod root;
mod snapshots;
mod stale;
mod tree;
mod upload;

#[cfg(test)]
mod tests;

use progress::Moved;

pub use error::Error;
pub use metrics::Metrics;
pub use quota::Quota;
pub use root::{Exclude, Root};
pub use snapshots::{Deps, Restored, Snapshots};
