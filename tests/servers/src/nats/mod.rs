//! A NATS server of one's own, with JetStream.
//!
//! * `options`: how it is to run, and whom it lets in.
//! * `cluster`: three of them.
//! * `credentials`: accounts signed by an operator.

mod cluster;
mod credentials;
mod options;
mod server;

pub use cluster::NatsCluster;
pub use options::{Keys, NatsOptions};
pub use server::{Nats, Version};
