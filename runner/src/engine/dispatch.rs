//! The claim loop: fills free slots with the groups that waited longest, and makes room when there is none.

use std::sync::Arc;
use std::time::Duration;

use bus::Hint;
use proto::claim::{ClaimRequest, choose_eviction};
use proto::time::Timestamp;
use service::crash_point;

use super::slots::Command;
use super::{Engine, RuntimeState, runtime_watch};
use crate::run;

/// Longest time a missed hint stays unnoticed.
const SWEEP: Duration = Duration::from_secs(1);

/// Runs passes until the runner drains.
pub(crate) async fn run(engine: Arc<Engine>) -> anyhow::Result<()> {
    let stop = engine.lifecycle.soft_stop();
    let mut hints = engine.hints.listen();
    let mut runtime = engine.runtime_state.subscribe();
    loop {
        if let Err(error) = tick(&engine).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "claiming failed; trying again"
            );
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            hint = hints.next() => hear(&engine, hint),
            () = engine.slots.freed() => {}
            _ = runtime.changed() => {}
            () = tokio::time::sleep(jittered(&engine)) => engine.slots.tell_all(Command::Look),
        }
    }
}

/// One pass: claims what fits; if groups are left waiting, evicts the sandbox that has been idle longest.
pub(crate) async fn tick(engine: &Arc<Engine>) -> store::Result<()> {
    if !engine.trusted() || engine.lifecycle.soft_stop().is_cancelled() {
        return Ok(());
    }
    let now = engine.clock.now();
    let runtime = engine.runtime_state.borrow().clone();
    match runtime {
        RuntimeState::Up => {}
        RuntimeState::Settling => return Ok(()),
        RuntimeState::Down { outage, reason } => {
            return runtime_watch::tell_waiting_chats(engine, outage, &reason, now).await;
        }
    }
    claim(engine, now).await?;
    let full = engine.slots.used() >= slots_of(engine);
    let waiting = if full {
        engine.store.oldest_waiting(now).await?
    } else {
        None
    };
    engine.slots.tell_all(Command::OthersWait(waiting.is_some()));
    if waiting.is_some() {
        let idle = engine
            .slots
            .idle()
            .into_iter()
            .map(|(group, since)| (group, Timestamp::from_millis(millis(since.0))));
        if let Some(group) = choose_eviction(idle) {
            engine.metrics.evictions.inc();
            engine.slots.tell(&group, Command::Evict);
        }
    }
    Ok(())
}

async fn claim(engine: &Arc<Engine>, now: Timestamp) -> store::Result<()> {
    let free = slots_of(engine).saturating_sub(engine.slots.used());
    if free == 0 {
        return Ok(());
    }
    let request = ClaimRequest {
        runner: engine.settings.runner.clone(),
        incarnation: engine.settings.incarnation,
        free_slots: u32::try_from(free).unwrap_or(u32::MAX),
        now,
    };
    for claimed in engine.store.claim_groups(&request).await? {
        crash_point!("claim.after");
        engine.metrics.claims.inc();
        let commands = engine.slots.take(&claimed.fence.group);
        run::spawn(Arc::clone(engine), claimed, commands);
    }
    Ok(())
}

fn hear(engine: &Engine, hint: Option<Hint>) {
    match hint {
        Some(Hint::Inbox(group)) => engine.slots.tell(&group, Command::Look),
        // Some were missed: everybody looks.
        None => engine.slots.tell_all(Command::Look),
        Some(Hint::Wake | Hint::Outbox { .. } | Hint::Working { .. } | Hint::Progress { .. }) => {}
    }
}

fn slots_of(engine: &Engine) -> usize {
    engine.settings.config.slots as usize
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn jittered(engine: &Engine) -> Duration {
    SWEEP.mul_f64(0.8 + 0.4 * (engine.random)())
}
