//! The streams of a sandbox's main process.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// The streams, as the sandbox port gives them.
pub struct Stdio {
    /// Input, when the sandbox was started with one.
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// Output.
    pub stdout: Pin<Box<dyn AsyncRead + Send>>,
    /// Diagnostic output.
    pub stderr: Pin<Box<dyn AsyncRead + Send>>,
}
