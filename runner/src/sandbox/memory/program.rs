//! What runs in a sandbox of the memory engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::sandbox::{Exit, SandboxSpec};

/// The agent's ends of its streams.
pub struct Pipes {
    /// Input; empty at once when the sandbox is not interactive.
    pub stdin: Pin<Box<dyn AsyncRead + Send>>,
    /// Output.
    pub stdout: Pin<Box<dyn AsyncWrite + Send>>,
    /// Diagnostic output.
    pub stderr: Pin<Box<dyn AsyncWrite + Send>>,
}

/// Stands for the image: called once per started sandbox.
pub type Program = Arc<dyn Fn(SandboxSpec, Pipes) -> BoxFuture<'static, Exit> + Send + Sync>;

/// Makes a [`Program`] of an async closure.
pub fn program<Run, Running>(run: Run) -> Program
where
    Run: Fn(SandboxSpec, Pipes) -> Running + Send + Sync + 'static,
    Running: Future<Output = Exit> + Send + 'static,
{
    Arc::new(move |spec, pipes| Box::pin(run(spec, pipes)))
}
