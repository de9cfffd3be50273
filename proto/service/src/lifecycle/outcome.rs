//! What ended a process, and what had to be cut off.

use std::fmt;

/// Why the soft stop began.
#[derive(Debug)]
pub enum Cause {
    /// A signal, for example `SIGTERM`.
    Signal(&'static str),
    /// The program asked for it.
    Requested,
    /// A critical task ended although nobody had asked it to.
    Task {
        /// Its name.
        name: &'static str,
        /// Its failure; `None` when it just returned.
        error: Option<anyhow::Error>,
    },
}

/// How a process ended.
#[derive(Debug)]
pub struct Outcome {
    /// Why.
    pub cause: Cause,
    /// Names of the tasks that had not ended at the hard stop and were cut off.
    pub cut_off: Vec<&'static str>,
}

impl Outcome {
    /// Whether the process was meant to end.
    pub fn is_intended(&self) -> bool {
        match self.cause {
            Cause::Signal(_) | Cause::Requested => true,
            Cause::Task { .. } => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => write!(f, "{name} received"),
            Self::Requested => f.write_str("stop requested"),
            Self::Task {
                name,
                error: Some(error),
            } => write!(f, "task {name:?} failed: {error:#}"),
            Self::Task { name, error: None } => write!(f, "task {name:?} ended unexpectedly"),
        }
    }
}
