//! The store of one node: a SQLite file with one writer and group commit.
//!
//! WAL, `synchronous=FULL`: what a call answered survives a power cut. All writes go through one thread, so that a
//! transaction here runs alone and check-then-act inside it is sound; the fences stay, because sandboxes and runners
//! outlive what the process knows of them. The files of statements (`claim`, `begin`, …) are plain functions over a
//! connection and know nothing of threads; `writer` knows nothing of tables.

mod engine;
mod error;
mod open;
mod open_error;

mod lock;
mod migrate;
mod readers;
mod writer;

mod columns;
mod fence;
mod readiness;

mod activity;
mod chats;
mod groups;
mod inbox;
mod index;
mod leases;
mod partitions;
mod runners;

mod begin;
mod claim;
mod commit;
mod effects;
mod fail;
mod release;
mod snapshots;
mod transcripts;
mod turns;
mod waiting;

mod firings;
mod task_runs;
mod tasks;

mod deliveries;
mod outbox;
mod receipts;

mod audit;
mod commands;
mod dead_letters;
mod pairings;
mod retention;
mod upkeep;

#[cfg(test)]
mod tests;

pub use engine::SqliteStore;
pub use open_error::OpenError;
