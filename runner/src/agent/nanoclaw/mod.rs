//! NanoClaw's contract: one JSON object on stdin, framed outputs on stdout, follow-ups in `input/`, the agent's messages and
//! requests in `messages/` and `tasks/`.
//!
//! What differs from ours, and what is made of it: requests get no answers (MCP-D4), there is no heartbeat, and results do
//! not say what they consumed, so [`answering`] decides that.

mod answering;
mod link;
mod outputs;

pub use link::{NanoClawLink, Surroundings};
