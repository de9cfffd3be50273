//! The gateway: what people say comes in through a channel and reaches its group's inbox, what the agent says leaves
//! through the outbox, and the operator's questions are answered over HTTP.
//!
//! Reading order: what a [`channel`] is, how an event is taken ([`intake`]) with what is known of its chat ([`directory`]), what
//! becomes of one that is a [`command`],
//! how an outbox row leaves ([`delivery`]),
//! the control [`api`], and how it all starts ([`service`]). It knows nothing of runners, sandboxes or turns.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;

pub mod channel;
pub mod command;
pub mod delivery;
pub mod directory;
pub mod files;
pub mod health;
pub mod indexer;
pub mod intake;
pub mod receiving;
pub mod rest;

pub mod api;
pub mod http;

mod metrics;
mod service;
mod typing;
#[cfg(test)]
mod world;

pub use delivery::account::Candidacy;
pub use metrics::Metrics;
pub use service::{Config, Deps, Running, start};
