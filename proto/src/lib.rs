//! What all parts of Clawhold agree on: the words of the design as types, the decisions as plain functions,
//! and the wire formats. Nothing here does I/O, reads a clock, draws a random number or knows a database.
//!
//! Reading order: [`ids`] and [`time`], what a [`group`] is, how a message gets [`inbound`], who [`claim`]s a
//! group, how a [`turn`] runs, when a [`schedule`] is due and what a [`task`] makes of it, how an answer goes
//! [`outbound`]; [`ipc`] and [`nanoclaw`] are the two contracts a sandbox may speak.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ids;
pub mod time;

pub mod command;
pub mod group;
pub mod inbound;
pub mod ingest;
pub mod sender_allowlist;
pub mod trace;
pub mod trigger;

pub mod claim;
pub mod lease;
pub mod turn;

pub mod schedule;
pub mod task;

pub mod outbound;
pub mod prompt;
pub mod snapshot;

pub mod ipc;
pub mod nanoclaw;
