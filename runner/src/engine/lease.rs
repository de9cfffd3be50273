//! The lease: moves the heartbeat, and decides from the answers how far this runner may trust itself.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Fuse, FusedFuture};
use proto::lease::{LeaseTimings, Trust, decide_trust};
use proto::time::Monotonic;
use service::readiness::Condition;
use tokio::time::error::Elapsed;

use super::{Engine, Settings};

/// Time that the goodbye may take: a little less than a task gets after the hard stop.
const GOODBYE_WITHIN: Duration = Duration::from_secs(4);

/// Between two looks whether a group is left.
const GLANCE: Duration = Duration::from_millis(20);

/// Sends heartbeats for ever; ends with an error when this life of the runner is over. `registered` is when the registration was
/// sent, which is the first good heartbeat.
///
/// A beat whose answer does not come hides neither that trust ends meanwhile nor a stop.
pub(crate) async fn run(
    engine: Arc<Engine>,
    timings: LeaseTimings,
    condition: Condition,
    registered: Monotonic,
) -> anyhow::Result<()> {
    let hard_stop = engine.lifecycle.hard_stop();
    let mut last_good_sent = registered;
    engine.proxies.trust_until(last_good_sent + timings.trust);
    let (mut under_way, mut next_beat) = (pin!(Fuse::terminated()), registered);
    loop {
        let now = engine.clock.monotonic();
        note_trust(&engine, &timings, last_good_sent, &condition);
        if under_way.is_terminated() && now >= next_beat {
            next_beat = now + timings.heartbeat;
            under_way.set(beat(&engine, now, timings.heartbeat).fuse());
        }
        let (sent, answer) = tokio::select! {
            biased;
            () = hard_stop.cancelled() => {
                // What it holds of the store's connections is free for the goodbye.
                under_way.set(Fuse::terminated());
                say_goodbye(&engine).await;
                return Ok(());
            }
            answered = under_way.as_mut() => answered,
            () = tokio::time::sleep(timings.heartbeat / 6) => continue,
        };
        match answer {
            Ok(Ok(())) => {
                last_good_sent = sent;
                engine.proxies.trust_until(last_good_sent + timings.trust);
            }
            Ok(Err(error @ store::Error::RunnerReplaced { .. })) => {
                engine.trust.send_replace(Trust::Lost);
                condition.degraded("another life of this runner has taken over");
                return Err(error.into());
            }
            Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "heartbeat failed"),
            Err(_) => tracing::warn!("heartbeat timed out"),
        }
    }
}

/// Sends one, and says again when. One that takes longer than the interval is as good as none: the next one says more. Dropping it
/// is sound, a heartbeat that is counted later only says less than it could.
async fn beat(engine: &Engine, sent: Monotonic, patience: Duration) -> (Monotonic, Result<store::Result<()>, Elapsed>) {
    let Settings {
        runner, incarnation, ..
    } = &engine.settings;
    let answer = tokio::time::timeout(patience, engine.store.heartbeat(runner, *incarnation)).await;
    (sent, answer)
}

/// Says goodbye once the last group is given back, so that the leader does not wait for this life; before, it would be refused.
async fn say_goodbye(engine: &Engine) {
    let Settings {
        runner, incarnation, ..
    } = &engine.settings;
    let goodbye = async {
        while engine.slots.used() > 0 {
            tokio::time::sleep(GLANCE).await;
        }
        engine.store.retire_runner(runner, *incarnation).await
    };
    if !matches!(tokio::time::timeout(GOODBYE_WITHIN, goodbye).await, Ok(Ok(()))) {
        tracing::info!("the end of this runner could not be recorded; it will be noticed by its silence");
    }
}

/// Trust may return after it was lost: by then the runs have ended, and what they owned is given back by
/// [`super::reconcile`] if nobody else took it.
fn note_trust(engine: &Engine, timings: &LeaseTimings, last_good_sent: Monotonic, condition: &Condition) {
    let trust = decide_trust(timings, last_good_sent, engine.clock.monotonic());
    let changed = engine.trust.send_if_modified(|before| {
        let changed = *before != trust;
        *before = trust;
        changed
    });
    match trust {
        Trust::Full => condition.ok(),
        Trust::Fenced | Trust::Lost => condition.degraded("no heartbeat gets through to the store"),
    }
    if changed {
        match trust {
            Trust::Full => tracing::info!("heartbeats get through again"),
            Trust::Fenced => tracing::error!("no heartbeat got through: fenced, sandboxes paused"),
            Trust::Lost => {
                tracing::error!("no heartbeat got through for too long: killing the sandboxes of this runner")
            }
        }
    }
}
