//! A NATS server of one's own, with JetStream.

mod server;

pub use server::{Nats, Version};
