//! Orphans: blobs of groups that are not registered any more.
//!
//! Invariant: nothing is removed that a row refers to, or ever will. Names of blobs are listed before the groups are read, and
//! no name is given out twice: what was listed and whose group is gone by then belongs to a life of the group that is over,
//! even if one of that name is registered right now.

use std::collections::BTreeSet;
use std::time::Duration;

use blobs::BlobStore;
use proto::snapshot::BlobKey;
use tokio_util::sync::CancellationToken;

use crate::leadership::Leadership;
use crate::service::Deps;

/// What the names of all blobs of groups begin with.
const GROUPS: &str = "groups/";
/// Time between two passes: a removed group's files cost only room.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Share of that time that is drawn at random.
const JITTER: f64 = 0.2;
/// Blobs removed in one pass; the rest waits for the next.
const REMOVED_MAX: usize = 10_000;

/// Runs passes while this scheduler leads, until the soft stop.
pub(crate) async fn run(deps: Deps, leadership: Leadership, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(blobs) = deps.blobs.clone() else { return Ok(()) };
    let passes = async {
        loop {
            tokio::time::sleep(INTERVAL.mul_f64(1.0 - JITTER * (deps.random)())).await;
            if !leadership.leads() {
                continue;
            }
            if let Err(error) = tick(&deps, &*blobs).await {
                deps.metrics.passes_failed.inc();
                tracing::warn!(
                    error = &*error,
                    "files of removed groups could not be removed; trying again"
                );
            }
        }
    };
    stop.run_until_cancelled(passes).await;
    Ok(())
}

/// One pass; returns how many blobs it removed.
pub(crate) async fn tick(
    deps: &Deps,
    blobs: &dyn BlobStore,
) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let listed = blobs.list(GROUPS).await?;
    let registered: BTreeSet<_> = deps.store.groups().await?.into_iter().map(|group| group.id).collect();
    let orphans = listed
        .into_iter()
        .filter(|name| BlobKey::parse(name.as_str()).is_some_and(|key| !registered.contains(&key.group)));
    let mut removed = 0;
    for name in orphans.take(REMOVED_MAX) {
        blobs.delete(&name).await?;
        removed += 1;
    }
    if removed > 0 {
        tracing::info!(blobs = removed, "removed the files of groups that are gone");
    }
    Ok(removed)
}
