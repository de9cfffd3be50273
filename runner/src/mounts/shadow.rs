//! Credential files inside a mounted directory are covered with something empty.
//!
//! Only the directory's own entries are looked at, when the sandbox starts: that is where `.env` and its like lie. What is
//! deeper or appears later is the operator's to keep out of allowed roots.

use std::path::{Path, PathBuf};

use super::{Pattern, Refusal};
use crate::sandbox::Mount;

/// Entries looked at in one directory.
const ENTRIES_MAX: usize = 65_536;

/// What covers credential files: an empty file and an empty directory of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadows {
    /// Covers files.
    pub empty_file: PathBuf,
    /// Covers directories.
    pub empty_dir: PathBuf,
}

impl Shadows {
    /// The mounts that cover what is blocked in the directory `source`, mounted at `target`.
    pub(super) fn over(&self, source: &Path, target: &str, blocked: &[Pattern]) -> Result<Vec<Mount>, Refusal> {
        let mut shadows = Vec::new();
        for (index, entry) in source.read_dir().map_err(Refusal::Unresolvable)?.enumerate() {
            if index == ENTRIES_MAX {
                return Err(Refusal::TooManyEntries);
            }
            let entry = entry.map_err(Refusal::Unresolvable)?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(Refusal::Unresolvable)?);
            // A link is followed inside the sandbox: either to something covered here, or out of the mount, to nothing.
            if kind.is_symlink() || !blocked.iter().any(|pattern| pattern.fits(Path::new(&name))) {
                continue;
            }
            let name = name.to_str().ok_or(Refusal::NotUtf8)?;
            let source = if kind.is_dir() {
                &self.empty_dir
            } else {
                &self.empty_file
            };
            shadows.push(Mount {
                source: source.clone(),
                target: format!("{target}/{name}"),
                read_only: true,
            });
        }
        Ok(shadows)
    }
}
