//! How each account is: what its feed and its sends say, in `/readyz`, in metrics, in `clawhold channel status`, and once per
//! incident in the chat of `main`.
//!
//! An account in trouble is shown and never makes the gateway unready: the others go on.

mod account;
mod registry;
mod standing;

pub use account::Health;
pub use registry::{AccountReport, HealthRegistry};
pub use standing::{Receiving, Standing, Tell};
