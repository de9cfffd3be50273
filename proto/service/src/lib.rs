//! How a service lives: its configuration, its tasks and their end, what it tells about itself, and the edges where real
//! time, ids and randomness enter.
//!
//! It knows nothing of groups, turns or stores, and keeps no process-global state but the tracing subscriber: several
//! services share a process, and tests run many of them in one.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod causes;
pub mod config;
pub mod lifecycle;

pub mod http;
pub mod metrics;
pub mod readiness;
pub mod telemetry;

pub mod clock;
pub mod ids;
pub mod random;

pub mod crash_point;
