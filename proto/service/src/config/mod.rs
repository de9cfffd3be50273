//! Configuration: defaults ← host ← file ← `.env` ← environment ← command line, each value with its origin.
//!
//! It does not know what is configured: the settings are a type of the binary, and the sections are types of the
//! services. Invariant: whatever is refused is named with where it stands, its key and the reason, and no value of a
//! [`Secret`] ever appears in a message.

mod load;
mod print;
mod stack;
mod tree;

mod dotenv;
mod environment;
mod file;
mod variable;

mod origin;
mod problem;
mod secret;
mod zone;

pub mod range;

#[cfg(test)]
mod tests;

pub use environment::Environment;
pub use load::{Loaded, Sources, load};
pub use origin::Origin;
pub use problem::{Problem, Problems};
pub use secret::Secret;
pub use variable::{Kind, Variable};
pub use zone::{UnknownZone, Zone};
