//! A deterministic simulator of the whole fleet, over the real protocol code.
//!
//! Real are the pure cores of `proto` (the run's state machine, trust and leases, retries, intake, delivery decisions,
//! partitions) and the in-memory engine of `store`. The shells around them are small actors here that make the same calls in
//! the same order. Network, hosts, sandboxes, agents, platform and clocks are simulated; what goes wrong is drawn from a
//! seed. The [checker](Violation) reads the history and the last rows alone.

mod check;
mod exec;
mod fences;
mod fleet;
mod gateway;
mod history;
mod holder;
mod ids;
mod log;
mod network;
mod plan;
mod platform;
mod random;
mod report;
mod run;
mod runner;
mod sandbox;
mod scheduler;
mod world;

pub use check::Violation;
pub use fences::Fence;
pub use plan::{Chances, Faults, Plan};
pub use report::Report;
pub use run::{replay, run};
