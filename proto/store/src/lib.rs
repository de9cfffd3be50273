//! The rows that the services share: the port [`Store`], its engines, and the conformance suite that is its meaning.
//!
//! Rows are truth. Every method is one transaction, named after what the caller means, and speaks in `proto` types.
//! The engines know no clock and draw no id: both come with the call.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod delivering;
mod ending;
mod indexing;
pub mod pairing;
mod port;
mod replies;

pub mod conformance;
pub mod keeper;
pub mod memory;
pub mod outage;
pub mod postgres;
pub mod registration;
pub mod sqlite;
pub mod tasks;

pub use pairing::AuditEntry;
pub use port::*;
