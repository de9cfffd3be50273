//! The world of the system tests: the real binary over a real container engine and the real Agent SDK, with a scripted model.
//!
//! A [`World`] is one node with its data directory, its model and the people in its chats. People behave like the real
//! client: they post with an id until it is taken, read replies as they come, know each by its id and acknowledge it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod command;
mod engine;
mod node;
mod people;
mod receiver;
mod world;

pub mod fleet;
pub mod invariant;

pub use command::{Said, command};
pub use engine::Engine;
pub use node::{Node, binary, inherited};
pub use people::{People, Reply};
pub use receiver::{Received, Receiver, sign};
pub use world::{World, WorldBuilder, within};
