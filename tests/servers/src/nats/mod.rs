//! A NATS server of one's own, with JetStream.
//!
//! * `options`: how it is to run, and whom it lets in.
//! * `credentials`: accounts signed by an operator.

mod credentials;
mod options;
mod server;

pub use options::{Keys, NatsOptions};
pub use server::{Nats, Version};
