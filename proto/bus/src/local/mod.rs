//! The bus of one node: ingress is one transaction of the store, hints are a channel inside the process. And a log in
//! memory, for tests and the simulator.

mod hints;
mod ingress;
mod log;

pub use hints::LocalHints;
pub use ingress::LocalIngress;
pub use log::{MemoryIngress, MemoryLog};

#[cfg(test)]
mod tests;
