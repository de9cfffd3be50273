//! The adapter over its stand-in.

mod events;
