//! Calls to a platform's HTTP API, with the one thing that counts for delivery: how far a call got.
//!
//! A call that surely did not leave may be repeated freely; one that left and was not answered may have been executed. The
//! client says which it was and decides nothing about it. It bounds time and size, follows no redirects (they would carry a
//! credential to an address nobody configured), and keeps addresses and credentials out of what it says.

mod client;
mod exchange;
mod outcome;

pub use client::{Rest, timeout_for};
pub(crate) use exchange::bounded;
pub use exchange::{Answered, Exchange};
pub use outcome::{Account, common_outcome};

#[cfg(test)]
mod tests;
