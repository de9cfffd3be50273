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
//! No seed that was tried misses two of the rows, and no test shows them: `DeathCompareAndSet` (the word that a runner is dead must
//! come late, when the runner is back and nobody else has said so) and `AccountEpoch` (who lost the account looks at its clock
//! before it sends). Of the fences of firings, taking both down is found (`tests/firings.rs`).
//!
//! Fences against late calls are missed only where [`Chances::late_request`] makes them common.
//!
//! # Tasks and files
//!
//! Schedulers fire the tasks of [`Plan::tasks`] with the real decisions while an operator edits, pauses and runs them, and one of
//! two schedulers always acts as if it led. Runners restore, upload, commit and collect snapshots with the real decisions over
//! simulated disks and blobs. [`count_firings`] runs schedulers alone over very many due instants.
//!
//! # Not simulated yet
//!
//! Commands, and NanoClaw's container contract. A claim that reads in its own statement is modelled by its worst outcome.

mod check;
mod exec;
mod fences;
mod firings;
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
mod tasks;
mod witness;
mod world;

pub use check::Violation;
pub use fences::Fence;
pub use firings::{Counted, CountedFirings, count_firings};
pub use plan::{Chances, Faults, Plan};
pub use report::Report;
pub use run::{replay, run};
