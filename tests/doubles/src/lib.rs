//! Stand-ins for the outside world: peers with real state, over real sockets, that behave like the service they stand for,
//! errors and limits included. System tests, benchmarks and `clawhold up --demo` use them.
//!
//! They know no crate of ours: a double that shared types with the code under test would agree with its mistakes.
//! Invariant: nothing a peer sends makes a double grow without bound or panic.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod discord;
pub mod gmail;
pub mod model;
pub mod platform;
pub mod s3;
pub mod slack;
pub mod telegram;
pub mod whatsapp;

mod percent;
mod wire;

pub use model::{
    ApiError, Auth, Credentials, DEMO_API_KEY, Fault, ModelDouble, ModelRequest, OauthAccount, RateLimit,
    RecordedRequest, Reply, Rule, Running, Script, Usage, demo_script, echo_script,
};
pub use s3::{RunningS3, S3Double};
