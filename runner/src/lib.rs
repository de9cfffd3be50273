//! The runner: claims groups for its slots, runs their turns in sandboxes, and holds the credential proxy.
//!
//! Reading order: the [`service`] and its [`config`]; the `engine` (slots, claims, lease, recovery); a `run` (one group
//! between claim and release); then the sandbox boundary, one concern each: [`sandbox`], [`mounts`], [`workspace`],
//! [`mailbox`], [`agent`], [`proxy`]; and the [`snapshot`]s by which a group's files follow it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;

mod engine;
mod metrics;
mod run;
mod service;

pub mod agent;
pub mod mailbox;
pub mod mounts;
pub mod proxy;
pub mod sandbox;
pub mod snapshot;
pub mod workspace;

pub use metrics::Metrics;
pub use service::{Config, Deps, start};
