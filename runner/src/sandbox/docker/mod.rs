//! Sandboxes on Docker Engine, through its API over a Unix socket.
//!
//! Every container is created with all hardening on ([`body`]), attached to by the id the engine minted before it starts
//! ([`start`]), and removed by us, not by the engine: how it ended ([`exit`]) must still be readable. Containers log
//! nothing (driver `none`): output reaches the runner through the attached stream only, so no log file grows (CR-D11).

mod body;
mod client;
mod exit;
mod image;
mod list;
mod own;
mod runtime;
mod start;
mod streams;

pub use runtime::DockerRuntime;

#[cfg(test)]
mod tests;
