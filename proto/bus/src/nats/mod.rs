//! The bus of a fleet: accepted messages lie in a JetStream stream until they are indexed, hints are core NATS messages.
//!
//! [`Nats`] hands out the three ports at once, whether or not a server can be reached; its [`Driver`] makes the connection,
//! checks the stream, and keeps both for as long as the process lives. Until then the ports answer "unavailable", and say
//! what is wrong.
//!
//! Ownership, order and exactly-once are not here: the database decides them. NATS may lose the deduplication window, a
//! consumer, or any hint, and nothing is wrong afterwards but the speed.

mod config;
mod problem;
mod subjects;

mod connect;
mod disk;
mod driver;
mod link;
mod login;
mod stream;

mod hints;
mod ingress;
mod log;

#[cfg(test)]
mod tests;

pub use config::{Config, InvalidConfig, Login, Scope, Tls};
pub use connect::client;
pub use driver::{Driver, Nats};
pub use hints::{HintCounts, NatsHints};
pub use ingress::NatsIngress;
pub use log::NatsLog;
pub use problem::{Difference, Problem};
