//! The credential proxy: the only way out of a sandbox, and the only holder of the real credential.
//!
//! Each run has a listener of its own, on a socket inside its run directory, and a token that opens only that listener: who
//! asks is known by where and with what they ask. The proxy swaps the token for the real credential, passes both bodies on
//! as they come, counts the tokens of the answers, and closes when the runner may no longer act.
//!
//! * [`token`], [`endpoint`], [`headers`], [`usage`]: decisions over data, no I/O.
//! * [`credentials`], [`renewable`], [`token_file`]: the real credential, and its renewal.
//! * [`forward`], [`send`], [`answer_body`]: one request from end to end.
//! * [`serve`], [`handle`], [`proxies`]: a listener's life.
//!
//! It does not know turns or prompts. Invariant: no credential and no body is ever logged, and no answer carries one.

mod answer_body;
mod credentials;
mod endpoint;
mod error;
mod forward;
mod gate;
mod handle;
mod headers;
mod metrics;
mod proxies;
mod renewable;
mod send;
mod serve;
mod token;
mod token_file;
mod upstream;
mod usage;

pub use credentials::Credentials;
pub use handle::{ProxyAddress, ProxyHandle, Totals};
pub use metrics::Metrics;
pub use proxies::{Listen, OpenError, Proxies};
pub use token::RunToken;

#[cfg(test)]
mod tests;
