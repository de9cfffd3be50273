//! The store of the simulator: the same meaning over plain maps.
//!
//! Deterministic: no clock, no thread, no order but that of the maps; every call is one step under one lock and
//! completes at once, so that a simulator decides when and whether it happens. Each file of steps checks everything
//! before it changes anything: a step that fails has changed nothing.

mod engine;
mod outbox_rows;
mod state;
mod switches;

mod chats;
mod groups;
mod inbox;
mod indexing;
mod leases;
mod runners;

mod claims;
mod effects;
mod outcomes;
mod transcripts;
mod turns;

mod firings;
mod tasks;

mod commands;
mod deliveries;
mod outbox;
mod upkeep;

#[cfg(test)]
mod tests;

pub use engine::MemoryStore;
pub use switches::Switch;
