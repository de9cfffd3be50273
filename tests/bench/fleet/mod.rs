//! What a fleet does: real Postgres and NATS that write to the disk before they say so, two gateways, two schedulers, three
//! runners, agents that answer at once; all on this machine.

mod failover;
mod idle_groups;
mod ingest;
mod move_group;
mod throughput;

pub(crate) use failover::failover;
pub(crate) use idle_groups::idle_groups;
pub(crate) use ingest::ingest;
pub(crate) use move_group::move_group;
pub(crate) use throughput::{chaos, dispatch, turn_cycles};

/// What every figure here depends on.
const SETTING: &str = "2 gateways, 2 schedulers, 3 runners x 5 slots, Postgres and NATS on one machine, fsync on, agents that answer at once";
