//! The system tests: stories of a few lines over the real binary, a real container engine and the real Agent SDK.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod layout;

mod answering;
mod command_line;
mod compose;
mod crash_points;
mod crashes;
mod fleet;
mod gmail;
mod hostile;
mod nanoclaw;
mod outages;
mod slots;
mod tasks;
mod webhook;
