//! The scheduler: what must happen although nobody asks for it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;
