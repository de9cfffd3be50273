//! Configuration: defaults ← file ← `.env` ← environment ← command line, each value with its origin.
//!
//! It does not know what is configured: the settings are a type of the binary, and the sections are types of the
//! services. Invariant: whatever is refused is named with where it stands, its key and the reason, and no value of a
//! [`Secret`] ever appears in a message.

mod secret;
mod zone;

pub mod range;

pub use secret::Secret;
pub use zone::{UnknownZone, Zone};
