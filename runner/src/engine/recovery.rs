//! Recovery in place: what a restarted runner does about its own past before it serves.
//!
//! Order matters: the new incarnation fences every write of the old life at once; then its sandboxes are killed; only
//! then are its groups freed, so that no two sandboxes of one group ever act.

use proto::ids::{Incarnation, RunnerId};
use proto::time::Timestamp;
use store::Store;

use crate::mailbox::RunDirs;
use crate::sandbox::{RuntimeError, SandboxRuntime};

/// Kills the sandboxes of earlier lives and frees their groups. Returns how many of each.
///
/// # Errors
/// When the container runtime or the store cannot be reached; nothing is freed before everything old is killed.
pub(crate) async fn take_over_own_past(
    store: &dyn Store,
    runtime: &dyn SandboxRuntime,
    runner: &RunnerId,
    incarnation: Incarnation,
    run_dirs: &RunDirs,
    now: Timestamp,
) -> Result<(usize, usize), Failed> {
    let mut killed = 0;
    for found in runtime.list().await.map_err(Failed::Runtime)? {
        if found.labels.runner == *runner && found.labels.incarnation < incarnation {
            runtime.kill(&found.id).await.map_err(Failed::Runtime)?;
            killed += 1;
        }
    }
    if let Err(error) = run_dirs.sweep() {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "leftover run directories cannot be listed"
        );
    }
    let freed = store
        .free_stale_groups(runner, incarnation, now)
        .await
        .map_err(Failed::Store)?;
    Ok((killed, freed.len()))
}

/// What stood in the way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The container runtime.
    #[error("the container runtime is not reachable")]
    Runtime(#[source] RuntimeError),
    /// The store.
    #[error("the store is not reachable")]
    Store(#[source] store::Error),
}
