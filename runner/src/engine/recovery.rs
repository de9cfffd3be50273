//! Recovery in place: what a restarted runner does about its own past before it serves.
//!
//! Order matters: the new incarnation fences every write of the old life at once; then its sandboxes are killed; only
//! then are its groups freed, so that no two sandboxes of one group ever act.

use std::sync::Arc;

use super::Engine;
use crate::sandbox::RuntimeError;

/// Kills the sandboxes of earlier lives and frees their groups.
///
/// # Errors
/// When the container runtime or the store cannot be reached; nothing is freed before everything old is killed.
pub(crate) async fn take_over_own_past(engine: &Engine) -> Result<(), Failed> {
    let settings = &engine.settings;
    let mut killed = 0;
    for found in engine.runtime.list().await.map_err(Failed::Runtime)? {
        // Nothing of this life runs yet, and a restored database may make an old incarnation look new.
        if found.labels.runner == settings.runner {
            engine.runtime.kill(&found.id).await.map_err(Failed::Runtime)?;
            killed += 1;
        }
    }
    let run_dirs = Arc::clone(&engine.run_dirs);
    match tokio::task::spawn_blocking(move || run_dirs.sweep()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "leftover run directories cannot be listed"
        ),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "leftover run directories were not removed"
        ),
    }
    let now = engine.clock.now();
    let freed = engine
        .store
        .free_stale_groups(&settings.runner, settings.incarnation, now)
        .await
        .map_err(Failed::Store)?;
    if killed + freed.len() > 0 {
        tracing::info!(
            sandboxes.killed = killed,
            groups.freed = freed.len(),
            "took over from an earlier life"
        );
    }
    Ok(())
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
