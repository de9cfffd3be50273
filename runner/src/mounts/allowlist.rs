//! The allowlist file: `{"allowedRoots": [{"path", "allowReadWrite"}], "blockedPatterns": [], "nonMainReadOnly": true}`.

use std::io::{self, Read as _};
use std::path::Path;

use serde::Deserialize;

/// Largest allowlist read, in bytes: thousands of roots fit.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What an operator allows (MS-01). All three fields must be there: a misspelt one must not silently allow more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowlist {
    /// Directories below which mounts are allowed; the first that fits counts.
    pub allowed_roots: Vec<Root>,
    /// Names that are never mounted, besides the built-in ones.
    pub blocked_patterns: Vec<String>,
    /// Whether groups other than main only read.
    pub non_main_read_only: bool,
}

/// One allowed directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// Its path; `~` is expanded.
    pub path: String,
    /// Whether mounts below it may be written.
    pub allow_read_write: bool,
}

/// Why no allowlist is in force; every extra mount is refused then.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAllowlist {
    /// There is none: the usual case, extra mounts are off.
    #[error("there is no mount allowlist")]
    Missing,
    /// It cannot be read.
    #[error("the mount allowlist cannot be read: {0}")]
    Unreadable(io::Error),
    /// It says something else than expected.
    #[error("the mount allowlist is not valid: {0}")]
    Malformed(String),
}

impl Allowlist {
    /// Reads the file.
    ///
    /// # Errors
    /// [`InvalidAllowlist`]; nothing is allowed then.
    pub fn read(file: &Path) -> Result<Self, InvalidAllowlist> {
        let opened = std::fs::File::open(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => InvalidAllowlist::Missing,
            _ => InvalidAllowlist::Unreadable(error),
        })?;
        let mut text = Vec::new();
        opened
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut text)
            .map_err(InvalidAllowlist::Unreadable)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(InvalidAllowlist::Malformed(format!(
                "it has more than {FILE_BYTES_MAX} bytes"
            )));
        }
        serde_json::from_slice(&text).map_err(|error| InvalidAllowlist::Malformed(error.to_string()))
    }
}
