//! The sandbox port: where an agent runs, seen from the runner.
//!
//! [`SandboxRuntime`] knows how to start, list, stop and freeze sandboxes. It does not know turns, leases or what the agent
//! says: it hands out raw byte streams. Invariant of every implementation: only sandboxes that carry the label of this
//! install are listed or touched, so two installs share one engine without noticing each other (CR-D1).

mod error;
mod image;
mod labels;
mod spec;
mod started;

pub mod docker;
pub mod memory;
#[cfg(feature = "process-sandbox")]
pub mod process;

use async_trait::async_trait;

pub use crate::config::Tier;
pub use error::RuntimeError;
pub use image::{Contract, ImageInfo};
pub use labels::{InvalidLabels, SandboxLabels, label};
pub use spec::{Limits, Mount, Network, SandboxSpec, validate};
pub use started::{EXIT_KILLED, Exit, Found, RuntimeInfo, SandboxId, SandboxState, Started};

/// An engine that runs sandboxes: Docker, or the in-memory one of tests and the simulator.
#[async_trait]
pub trait SandboxRuntime: Send + Sync + 'static {
    /// Asks whether the engine answers, and who it is.
    async fn probe(&self) -> Result<RuntimeInfo, RuntimeError>;

    /// Looks an image up and reads what it says about itself. Never pulls.
    async fn image(&self, image: &str) -> Result<ImageInfo, RuntimeError>;

    /// Creates a sandbox, attaches to its streams, and starts it, in this order: no byte of output is missed.
    ///
    /// After an error nothing of the sandbox is left, or it is found by [`list`](Self::list).
    async fn start(&self, spec: &SandboxSpec) -> Result<Started, RuntimeError>;

    /// All sandboxes of this install, in any state, those of other runners and incarnations included.
    async fn list(&self) -> Result<Vec<Found>, RuntimeError>;

    /// Kills a sandbox at once and removes it. Killing one that is gone succeeds.
    async fn kill(&self, id: &SandboxId) -> Result<(), RuntimeError>;

    /// Freezes all processes of a sandbox. Succeeds when none of them can run: paused already, ended, or gone.
    async fn pause(&self, id: &SandboxId) -> Result<(), RuntimeError>;

    /// Lets a paused sandbox go on. Succeeds when it runs already.
    ///
    /// # Errors
    /// [`RuntimeError::Gone`] when it has ended meanwhile.
    async fn resume(&self, id: &SandboxId) -> Result<(), RuntimeError>;
}

#[cfg(test)]
mod tests;
