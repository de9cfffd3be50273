//! A deterministic simulator of the whole fleet, over the real protocol code.
//!
//! Real are the pure cores of `proto` (the run's state machine, trust and leases, retries, intake, delivery decisions,
//! partitions) and the in-memory engine of `store`. The shells around them are small actors here that make the same calls in
//! the same order. Network, hosts, sandboxes, agents, platform and clocks are simulated; what goes wrong is drawn from a
//! seed. The [checker](Violation) reads the history and the last rows alone.
//!
//! `SIM_SEED=7 cargo nextest run -p sim replay --no-capture` tells the story of one seed, `SIM_RUNS=5000` makes a long run of
//! fresh ones. `tests/fences.rs` takes each [`Fence`] down and expects a broken promise.
//!
//! # Fences that others cover
//!
//! | fence | why no seed misses it alone | shown by |
//! |---|---|---|
//! | [`Fence::ProxyClosesWhenFenced`], [`Fence::ProxyChecksTheClock`], [`Fence::SandboxPausesWhenFenced`] | each silences a fenced sandbox, and at 12 s it is killed | [`Fence::TrustWindow`] down takes all of them away |
//! | [`Fence::MessageId`] | the dedup key swallows later what the log took twice | both down |
//! | [`Fence::ReadAfterClaim`] | a cursor that never decreases refuses the careless commit | both down |
//! | `CursorCompareAndSet` of the rows | what is taken in twice is swallowed by the dedup key, in order | - (one switch of the rows at a time) |
//!
//! Of the rows, `IncarnationOnClaim`, `IncarnationOnHeartbeat`, `DeathCompareAndSet`, `CommitOnce`, `AccountEpoch` and
//! `CursorNeverDecreases` have no test of their own here yet; `SnapshotWithCommit` cannot: sandboxes here have no files.
//!
//! # Not simulated yet
//!
//! Firings (their place is the scheduler's actor, [`Plan`] gets tasks and the checker "each (task, due) fired once"), files and
//! snapshots, and NanoClaw's container contract. A claim that reads in its own statement is modelled by its worst outcome.

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
