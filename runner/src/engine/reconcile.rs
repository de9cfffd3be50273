//! Gives back what this runner owns and does not serve: a run that panicked or lost its fence for a moment, a claim whose
//! answer never came.
//!
//! Level-triggered: it looks at rows and slots, not at what went wrong. The group's sandboxes are killed before its claim
//! ends, so that no two of them ever act.

use proto::claim::Fence;

use super::{Engine, RuntimeState};
use crate::sandbox::RuntimeError;

/// One pass.
pub(crate) async fn tick(engine: &Engine) {
    let up = matches!(*engine.runtime_state.borrow(), RuntimeState::Up { .. });
    if !up || !engine.trusted() {
        return;
    }
    let owned = match engine
        .store
        .owned_groups(&engine.settings.runner, engine.settings.incarnation)
        .await
    {
        Ok(owned) => owned,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "owned groups cannot be read");
            return;
        }
    };
    for fence in owned.iter().filter(|fence| !engine.slots.serves(fence)) {
        match give_back(engine, fence).await {
            Ok(()) => {
                tracing::warn!(group.id = %fence.group, lease.epoch = %fence.epoch, "a claim that nobody served was given back")
            }
            Err(error) => {
                tracing::warn!(group.id = %fence.group, error = &*error, "a claim that nobody serves is still held")
            }
        }
    }
}

async fn give_back(engine: &Engine, fence: &Fence) -> Result<(), Box<dyn std::error::Error>> {
    kill_sandboxes_of(engine, fence).await?;
    match engine.store.release_group(fence, true, engine.clock.now()).await {
        Ok(()) | Err(store::Error::Fenced(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn kill_sandboxes_of(engine: &Engine, fence: &Fence) -> Result<(), RuntimeError> {
    for found in engine.runtime.list().await? {
        if found.labels.runner == fence.runner && found.labels.group == fence.group {
            engine.runtime.kill(&found.id).await?;
        }
    }
    Ok(())
}
