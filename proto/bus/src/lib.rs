//! The messages that the services exchange: [`Ingress`] carries what must not be lost, [`Hints`] what may be. In a fleet
//! accepted messages lie in a [`Log`] until they are indexed.
//!
//! Rows are truth, messages are hints: whoever misses a hint finds the same thing by its next sweep.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod hints;
mod ingress;
mod log;

#[cfg(test)]
mod conformance;
pub mod local;
pub mod nats;

pub use hints::{Hint, Hints, Interest, Listener, Room};
pub use ingress::{Accepted, Ingress, IngressError};
pub use log::{Log, LogReader, LogState, LogUnavailable, Waiting};
