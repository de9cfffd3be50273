//! The bus of one node: ingress is one transaction of the store, hints are a channel inside the process.

mod hints;
mod ingress;

pub use hints::LocalHints;
pub use ingress::LocalIngress;
