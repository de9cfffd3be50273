//! Where the programs are.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The directory `script/parts/servers.sh` fills.
pub(crate) fn directory() -> Result<PathBuf> {
    if let Some(directory) = std::env::var_os("CLAWHOLD_SERVERS") {
        return Ok(directory.into());
    }
    // The same order as script/parts/start.sh.
    let cache = std::env::var_os("CLAWHOLD_CACHE").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        Some(cache?.join("clawhold"))
    });
    let cache = cache.context("neither CLAWHOLD_SERVERS nor HOME is set: where are the servers of the tests?")?;
    Ok(cache.join("servers"))
}

/// One of its programs, by the name it has there.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = directory()?.join(name);
    // The real path: a server that gives up root may not be able to look into root's cache directory.
    let path = path
        .canonicalize()
        .with_context(|| format!("{} is missing: script/setup installs it", path.display()))?;
    ensure!(path.is_file(), "{} is not a program", path.display());
    Ok(path)
}

/// Docker Compose, as a program of its own.
///
/// # Panics
/// When it is not installed: a missing program is a failure, not a reason to skip.
pub fn compose() -> PathBuf {
    program("compose/docker-compose").unwrap()
}
