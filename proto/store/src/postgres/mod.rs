//! The store of a fleet: a Postgres server that many processes use at once, directly or through pgbouncer.
//!
//! Every call is one transaction at READ COMMITTED over one connection. What makes check-then-act sound here is row
//! locks, taken in one order everywhere: **runner, group, chats by id** (an act takes its group first and then only
//! *shares* its runner, which no holder of a group ever waits for exclusively). Two rules follow from READ COMMITTED,
//! where every statement has a snapshot of its own and a statement that waited for a lock goes on with its old one:
//! the row that is locked is read as it is by then, and everything else is read in a *later* statement. Statements that
//! belong together are sent together (see [`transaction`]), so that this costs no round trips.
//!
//! Nothing here outlives its transaction: no prepared statements, session settings, session locks, LISTEN, or temporary
//! tables. So pgbouncer may lend each transaction another connection.

mod config;
mod connect;
mod connect_error;
mod tls;

mod migrate;

mod failure;
mod outage;
mod pool;
mod pooler;
mod transaction;

mod columns;
mod parameter;

mod engine;

mod fence;
mod readiness;

mod activity;
mod chats;
mod groups;
mod inbox;
mod indexing;
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

mod commands;
mod dead_letters;
mod deliveries;
mod outbox;
mod pairings;
mod receipts;

mod retention;
mod upkeep;

pub use config::{Config, Prepare};
pub use connect_error::ConnectError;
pub use engine::PostgresStore;
