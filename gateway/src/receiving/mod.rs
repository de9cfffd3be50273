//! Keeps the feed of one account open for as long as this gateway holds the account.
//!
//! A feed that breaks off, is refused or falls silent is opened again, for ever, at a pace that [`decide`] sets. Feeds know
//! nothing of each other: one that is refused takes nobody along. [`notices`] tells `main` of what does not mend itself.

mod decide;
mod notices;
mod run;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use notices::Notices;
pub(crate) use run::{Receiver, run};

/// Longest silence of a feed before it is opened again: every platform says something at least once a minute.
pub const SILENCE_MAX: Duration = Duration::from_secs(110);
