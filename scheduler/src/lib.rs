//! The scheduler: what must happen although nobody asks for it.
//!
//! Reading order: how it starts ([`start`]), how tasks are fired (`tasks`), how silent runners are found (`reaper`), how missed
//! hints are repaired (`sweep`), how what is done is removed (`retention`, `orphans`, `attachments`). Of several schedulers one acts
//! (`leadership`). It knows nothing of sandboxes, channels or agents, and keeps nothing that another one could not find out
//! again from the rows.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;

mod leadership;
mod metrics;
mod service;

mod attachments;
mod orphans;
mod reaper;
mod retention;
mod sweep;
mod tasks;

#[cfg(test)]
mod tests;

pub use self::service::{Config, Deps, start};
pub use leadership::Candidacy;
pub use metrics::Metrics;
