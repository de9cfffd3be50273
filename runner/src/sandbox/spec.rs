//! What a sandbox is to be: the one description every engine turns into its own terms.
//!
//! Hardening is not in here because it is not negotiable: no capabilities, no new privileges, read-only root, default
//! seccomp and an init process are what an adapter does, always.

use std::path::{Component, Path, PathBuf};

use super::{RuntimeError, SandboxLabels};
use crate::config::Tier;

/// Description of one sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxSpec {
    /// Name, see [`SandboxLabels::sandbox_name`].
    pub name: String,
    /// Whose it is.
    pub labels: SandboxLabels,
    /// Image, by name or content id.
    pub image: String,
    /// Command instead of the image's entrypoint and arguments; `None` leaves both.
    pub entrypoint: Option<Vec<String>>,
    /// Environment, on top of the image's.
    pub env: Vec<(String, String)>,
    /// Host paths inside the sandbox.
    pub mounts: Vec<Mount>,
    /// User and group id of all processes; never 0.
    pub uid: u32,
    /// Limits.
    pub limits: Limits,
    /// How strongly it is isolated.
    pub tier: Tier,
    /// What it reaches by itself.
    pub network: Network,
    /// Whether it has an input stream.
    pub interactive: bool,
}

/// A host path bound into the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Existing absolute path on the host, free of symbolic links.
    pub source: PathBuf,
    /// Absolute path in the sandbox.
    pub target: String,
    /// Whether writing is denied.
    pub read_only: bool,
}

/// Limits of one sandbox. Swap is always off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Memory of all processes together, temporary files included, in bytes.
    pub memory_bytes: u64,
    /// Processor time, in processors.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: u32,
    /// Size of `/tmp`, and of `/home/node`, in bytes.
    pub tmpfs_bytes: u64,
}

/// Network of a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Loopback only: the mounted socket is the only way out.
    #[default]
    None,
    /// The engine's bridge, with the host as `host.docker.internal`: for engines whose machine a socket cannot cross into.
    Bridge,
}

/// Checks what every engine relies on; looks at the file system, because a mount's source must exist and be what it says.
///
/// # Errors
/// [`RuntimeError::Refused`] with the first broken rule.
pub fn validate(spec: &SandboxSpec) -> Result<(), RuntimeError> {
    let refuse = |reason: String| Err(RuntimeError::Refused(reason));
    if spec.uid == 0 {
        return refuse("a sandbox never runs as root; set sandbox.uid to another user".to_owned());
    }
    for (name, value) in &spec.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return refuse(format!("environment variable {name:?} cannot be set"));
        }
    }
    spec.mounts
        .iter()
        .try_for_each(|mount| validate_mount(mount).or_else(refuse))
}

fn validate_mount(Mount { source, target, .. }: &Mount) -> Result<(), String> {
    let plain = Path::new(target)
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !target.starts_with('/') || target.len() < 2 || !plain || target.contains('\0') {
        return Err(format!("mount target {target:?} is not a plain absolute path"));
    }
    // What is checked must be what is mounted: a link in the path could be turned elsewhere in between.
    let resolved = source
        .canonicalize()
        .map_err(|error| format!("mount source {}: {error}", source.display()))?;
    if resolved != *source {
        return Err(format!(
            "mount source {} leads through a link to {}",
            source.display(),
            resolved.display()
        ));
    }
    let kind = source
        .symlink_metadata()
        .map_err(|error| format!("mount source {}: {error}", source.display()))?;
    if !kind.is_dir() && !kind.is_file() {
        return Err(format!(
            "mount source {} is neither a directory nor a file",
            source.display()
        ));
    }
    Ok(())
}
