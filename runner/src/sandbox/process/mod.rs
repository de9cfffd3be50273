//! Sandboxes that are plain processes: no isolation whatsoever, started in a millisecond.
//!
//! For chaos tests and benchmarks only, behind the feature `process-sandbox`: thousands of turns a minute need agents that
//! cost nothing, and a test of fencing needs agents that outlive a killed runner, as containers do. An image is the path of
//! a program that speaks our own contract; mounts become the host's paths in its environment.

mod record;
mod runtime;

pub use runtime::ProcessRuntime;
