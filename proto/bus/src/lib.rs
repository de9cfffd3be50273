//! The messages that the services exchange: [`Ingress`] carries what must not be lost, [`Hints`] what may be.
//!
//! Rows are truth, messages are hints: whoever misses a hint finds the same thing by its next sweep.

mod hints;
mod ingress;

pub mod local;

pub use hints::{Hint, Hints, Listener};
pub use ingress::{Ingress, IngressError};
