//! Gives back what this runner owns and does not serve: a run that panicked or lost its fence for a moment, a claim whose
//! answer never came.
//!
//! Level-triggered: it looks at rows and slots, not at what went wrong. The group's sandboxes are killed before its claim
//! ends, so that no two of them ever act.
//!
//! The look belongs to the claim loop: no claim is under way then, so what nobody serves nobody is about to serve. What it
//! finds is given back beside the loop, because that waits for the container runtime, which may hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::claim::Fence;
use service::lifecycle::Policy;

use super::{Engine, RuntimeState};
use crate::sandbox::RuntimeError;

/// Looks, and has given back what it finds, one pass at a time.
#[derive(Default)]
pub(crate) struct Reconcile {
    under_way: Arc<AtomicBool>,
}

impl Reconcile {
    /// One look.
    pub(crate) async fn tick(&self, engine: &Arc<Engine>) {
        if self.under_way.load(Ordering::Acquire) {
            return;
        }
        let unserved = unserved(engine).await;
        if unserved.is_empty() {
            return;
        }
        self.under_way.store(true, Ordering::Release);
        let (done, engine) = (Done(Arc::clone(&self.under_way)), Arc::clone(engine));
        let lifecycle = engine.lifecycle.clone();
        lifecycle.spawn_support("give back groups", Policy::BestEffort, async move {
            let _done = done;
            give_all_back(&engine, &unserved).await;
            Ok(())
        });
    }
}

struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What this runner owns and does not serve.
async fn unserved(engine: &Engine) -> Vec<Fence> {
    let up = matches!(*engine.runtime_state.borrow(), RuntimeState::Up { .. });
    if !up || !engine.trusted() {
        return Vec::new();
    }
    let settings = &engine.settings;
    match engine.store.owned_groups(&settings.runner, settings.incarnation).await {
        Ok(owned) => owned.into_iter().filter(|fence| !engine.slots.serves(fence)).collect(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "owned groups cannot be read");
            Vec::new()
        }
    }
}

async fn give_all_back(engine: &Engine, unserved: &[Fence]) {
    for fence in unserved {
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
    // A run that panics each time must not run for ever: its attempt counts.
    let interrupted = !engine.slots.broke_off(fence);
    match engine.store.release_group(fence, interrupted, engine.clock.now()).await {
        Ok(()) | Err(store::Error::Fenced(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn kill_sandboxes_of(engine: &Engine, fence: &Fence) -> Result<(), RuntimeError> {
    for found in engine.runtime.list().await? {
        let of_group = found.labels.runner == fence.runner && found.labels.group == fence.group;
        // A later one is of a claim that is served: this one has been ended by somebody else meanwhile.
        if of_group && found.labels.epoch <= fence.epoch {
            engine.runtime.kill(&found.id).await?;
        }
    }
    Ok(())
}
