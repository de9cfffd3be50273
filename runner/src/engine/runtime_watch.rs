//! Watches the container runtime: down at start or later means degraded and retrying, said in `/readyz`, in the log
//! and once in each chat that waits; never a crash.

use std::sync::Arc;
use std::time::Duration;

use service::readiness::Condition;

use super::outage::Notices;
use super::{Engine, RuntimeState, recovery};

/// Between two looks while it is up; a start that fails is noticed at once anyway.
const INTERVAL_UP: Duration = Duration::from_secs(15);
/// Between two looks while it is down, and so the shortest outage.
const INTERVAL_DOWN: Duration = Duration::from_secs(1);

/// Watches until the hard stop.
pub(crate) async fn run(engine: Arc<Engine>, condition: Condition) -> anyhow::Result<()> {
    let stop = engine.lifecycle.hard_stop();
    let mut state = engine.runtime_state.subscribe();
    let mut past_is_settled = false;
    let mut notices = Notices::default();
    loop {
        let looked = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            looked = look(&engine, &mut past_is_settled) => looked,
        };
        match looked {
            Ok(()) => {
                condition.ok();
                engine.runtime_is_up();
            }
            Err(error) => {
                let reason = format!("{error:#}");
                condition.degraded(reason.clone());
                engine.runtime_is_down(reason);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = state.wait_for(|state| matches!(state, RuntimeState::Down { .. })) => {}
            () = tokio::time::sleep(INTERVAL_UP) => continue,
        }
        let now = state.borrow_and_update().clone();
        if let RuntimeState::Down { outage, reason } = now {
            condition.degraded(reason.clone());
            notices.tell(&engine, outage, &reason).await;
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(INTERVAL_DOWN) => {}
        }
    }
}

async fn look(engine: &Engine, past_is_settled: &mut bool) -> anyhow::Result<()> {
    engine.runtime.probe().await?;
    if !*past_is_settled {
        // Before anything else is asked of the runtime: old sandboxes must not live on because an image is missing.
        recovery::take_over_own_past(engine).await?;
        *past_is_settled = true;
    }
    // After the past, which needs no room and may be what takes it.
    if let Some(reason) = engine.lacks_room() {
        anyhow::bail!(reason);
    }
    engine.runtime.image(&engine.settings.sandbox.image).await?;
    Ok(())
}
