//! Why an extra mount is refused, in words an operator can act on.

use std::path::PathBuf;

use super::InvalidAllowlist;

/// Why a mount is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No allowlist is in force (MS-01).
    #[error("{allowlist}: {reason}")]
    NoAllowlist {
        /// Where it should be.
        allowlist: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The host path cannot be understood (MS-05).
    #[error("the host path must be absolute or start with ~/")]
    NotAbsolute,
    /// The host path leads nowhere (MS-05).
    #[error("the host path cannot be resolved: {0}")]
    Unresolvable(std::io::Error),
    /// It is a device, a socket or a pipe.
    #[error("the host path is neither a directory nor a file")]
    NotAFile,
    /// It cannot be told to the engine.
    #[error("the host path is not valid UTF-8")]
    NotUtf8,
    /// It smells of credentials (MS-03, MS-06).
    #[error("the host path matches the blocked pattern {0:?}")]
    Blocked(String),
    /// It holds a part of this installation, or lies in one.
    #[error("the host path touches {0}, which belongs to the installation")]
    Installation(PathBuf),
    /// No allowed root covers it (MS-07).
    #[error("the host path is not below an allowed root")]
    OutsideRoots,
    /// The path in the sandbox breaks MS-04.
    #[error("the container path must be relative, not blank, and without '..'")]
    ContainerPath,
    /// Two mounts at one place, or one inside the other.
    #[error("the container path collides with that of another mount")]
    Collision,
    /// Looking for credentials in it would take too long.
    #[error("the directory has too many entries to look through")]
    TooManyEntries,
}

impl Refusal {
    pub(super) fn no_allowlist(allowlist: &std::path::Path, reason: &InvalidAllowlist) -> Self {
        Self::NoAllowlist {
            allowlist: allowlist.to_owned(),
            reason: reason.to_string(),
        }
    }
}
