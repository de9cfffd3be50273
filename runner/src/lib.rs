//! The runner: slots, sandboxes, the link to the agent, the credential proxy.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod config;
pub mod mailbox;
pub mod proxy;
pub mod mounts;
pub mod sandbox;
pub mod workspace;
