//! The lease: moves the heartbeat, and decides from the answers how far this runner may trust itself.

use std::sync::Arc;
use std::time::Duration;

use proto::lease::{LeaseTimings, Trust, decide_trust};
use proto::time::Monotonic;
use service::readiness::Condition;

use super::{Engine, Settings};

/// Sends heartbeats for ever; ends with an error when this life of the runner is over.
pub(crate) async fn run(engine: Arc<Engine>, timings: LeaseTimings, condition: Condition) -> anyhow::Result<()> {
    let hard_stop = engine.lifecycle.hard_stop();
    let mut last_good_sent = engine.clock.monotonic();
    loop {
        engine.proxies.trust_until(last_good_sent + timings.trust);
        let sent = engine.clock.monotonic();
        let answer = engine
            .store
            .heartbeat(&engine.settings.runner, engine.settings.incarnation);
        // A beat that takes longer than the interval is as good as none: the next one says more. Dropping it is sound,
        // a heartbeat that is counted later only says less than it could.
        let answer = tokio::time::timeout(timings.heartbeat, answer);
        // An answer that does not come must not hide that trust ends meanwhile.
        let answer = tokio::select! {
            biased;
            answer = answer => answer,
            never = keep_looking(&engine, &timings, last_good_sent, &condition) => match never {},
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
        let next_beat = sent + timings.heartbeat;
        loop {
            note_trust(&engine, &timings, last_good_sent, &condition);
            if engine.clock.monotonic() >= next_beat {
                break;
            }
            tokio::select! {
                () = hard_stop.cancelled() => {
                    retire(&engine, timings.heartbeat).await;
                    return Ok(());
                }
                () = tokio::time::sleep(timings.heartbeat / 6) => {}
            }
        }
    }
}

/// Says goodbye, so that the leader does not wait for this life. What it still owns keeps it from being taken at its word.
async fn retire(engine: &Engine, patience: Duration) {
    let Settings {
        runner, incarnation, ..
    } = &engine.settings;
    let retired = tokio::time::timeout(patience, engine.store.retire_runner(runner, *incarnation)).await;
    if !matches!(retired, Ok(Ok(()))) {
        tracing::info!("the end of this runner could not be recorded; it will be noticed by its silence");
    }
}

/// Notes what becomes of the trust for as long as it is polled.
async fn keep_looking(
    engine: &Engine,
    timings: &LeaseTimings,
    last_good_sent: Monotonic,
    condition: &Condition,
) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(timings.heartbeat / 6).await;
        note_trust(engine, timings, last_good_sent, condition);
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
