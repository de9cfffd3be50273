//! A sandbox that runs: its identity, its streams, its end.

use std::fmt;
use std::pin::Pin;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use super::SandboxLabels;

/// Exit code of a sandbox that was killed, also when the engine no longer remembers it: 128 + SIGKILL.
pub const EXIT_KILLED: i64 = 137;

/// Identity of a sandbox, minted by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SandboxId(String);

impl SandboxId {
    /// Wraps the engine's id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a sandbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code of its main process; 128 + signal when a signal ended it.
    pub code: i64,
    /// Whether anything in it was killed for using more than its memory.
    pub oom_killed: bool,
}

/// A started sandbox.
///
/// The caller reads `stdout` to its end: when nobody reads, the agent blocks on a full pipe (back-pressure, nothing is
/// lost). `stderr` is for diagnosis only and never blocks the agent: what nobody reads in time is dropped, and a line in
/// the stream says how much. Dropping a reader discards its stream. Bytes come as the agent wrote them, in no particular
/// portions: a character may be split between two reads (CR-D3).
pub struct Started {
    /// Identity.
    pub id: SandboxId,
    /// Input, when the specification asked for it. `shutdown` gives the agent an end of file; so does the death of this process.
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// Output.
    pub stdout: Pin<Box<dyn AsyncRead + Send>>,
    /// Diagnostic output.
    pub stderr: Pin<Box<dyn AsyncRead + Send>>,
    /// Resolves when the sandbox has ended, waiting out an engine that does not answer. Its remains stay until `kill`.
    pub exit: BoxFuture<'static, Exit>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started")
            .field("id", &self.id)
            .field("stdin", &self.stdin.is_some())
            .finish_non_exhaustive()
    }
}

/// State of a sandbox found by label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxState {
    /// Created, not (yet) started.
    Created,
    /// Its processes run.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It has ended and waits to be removed.
    Exited,
}

/// A sandbox of this install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Identity.
    pub id: SandboxId,
    /// Whose it is.
    pub labels: SandboxLabels,
    /// Its state when listed.
    pub state: SandboxState,
}

/// The engine, as it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// Kind of engine, for example `docker`.
    pub engine: &'static str,
    /// Its version.
    pub version: String,
}
