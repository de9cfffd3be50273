//! Gives up copies of the files of groups that have moved on: each runner's disk would come to hold the files of all groups.
//!
//! A copy saves fetching when its group comes back soon. What is removed is no longer what the group has, and the store has that.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use proto::ids::GroupId;

use super::Engine;
use crate::snapshot::Snapshots;

/// Looks in the time that a copy is kept.
const LOOKS: u32 = 4;
/// Shortest wait between two of them.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Looks until told to stop.
pub(crate) async fn run(engine: Arc<Engine>, snapshots: Arc<Snapshots>) -> anyhow::Result<()> {
    let stop = engine.lifecycle.soft_stop();
    let kept = Duration::from_millis(engine.settings.config.keep_copies_ms);
    loop {
        let pause = (kept / LOOKS).max(PAUSE_MIN).mul_f64(0.8 + 0.4 * (engine.random)());
        let pause = tokio::time::sleep(pause);
        if stop.run_until_cancelled(pause).await.is_none() {
            return Ok(());
        }
        tick(&engine, &snapshots, kept).await;
    }
}

async fn tick(engine: &Engine, snapshots: &Snapshots, kept: Duration) {
    let groups = match snapshots.resting_since(engine.clock.now() - kept).await {
        Ok(groups) => groups,
        Err(error) => return note(&error),
    };
    let stop = engine.lifecycle.soft_stop();
    // Between two groups only: what is being removed stays locked until it is gone.
    for group in groups.into_iter().take_while(|_| !stop.is_cancelled()) {
        match look(engine, snapshots, &group).await {
            Ok(true) => {
                tracing::info!(group.id = %group, "the copy of a group's files was removed: the group has moved on")
            }
            Ok(false) => {}
            Err(error) => note(&*error),
        }
    }
}

async fn look(engine: &Engine, snapshots: &Snapshots, group: &GroupId) -> anyhow::Result<bool> {
    let Some(committed) = engine.store.snapshot(group).await? else {
        return Ok(false);
    };
    let (folders, of) = (engine.folders.clone(), group.clone());
    Ok(snapshots
        .give_up(group, &committed, move || folders.remove(&of))
        .await?)
}

fn note(error: &(dyn Error + 'static)) {
    tracing::warn!(
        error,
        "old copies of groups' files cannot be removed; trying again later"
    );
}
