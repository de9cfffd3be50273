//! Watches the container runtime: down at start or later means degraded and retrying, said in `/readyz`, in the log
//! and once in each chat that waits; never a crash.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::OutboxId;
use proto::outbound::Reply;
use proto::time::Timestamp;
use proto::turn::Recorded;
use service::readiness::Condition;

use super::{Engine, RuntimeState, recovery};
/// Between two looks while it is up; a start that fails is noticed at once anyway.
const INTERVAL_UP: Duration = Duration::from_secs(15);
/// Between two looks while it is down.
const INTERVAL_DOWN: Duration = Duration::from_secs(1);
/// Chats told in one pass; the rest is told in the next.
const CHATS_PER_PASS: u32 = 50;

/// Watches until the hard stop.
pub(crate) async fn run(engine: Arc<Engine>, condition: Condition) -> anyhow::Result<()> {
    let stop = engine.lifecycle.hard_stop();
    let mut state = engine.runtime_state.subscribe();
    let mut past_is_settled = false;
    loop {
        match look(&engine, &mut past_is_settled).await {
            Ok(()) => {
                condition.ok();
                engine.runtime_state.send_if_modified(|state| {
                    let changed = *state != RuntimeState::Up;
                    if matches!(state, RuntimeState::Down { .. }) {
                        tracing::info!("sandboxes can be started again");
                    }
                    *state = RuntimeState::Up;
                    changed
                });
            }
            Err(reason) => {
                condition.degraded(reason.clone());
                engine.runtime_is_down(reason);
            }
        }
        let down = matches!(*state.borrow_and_update(), RuntimeState::Down { .. });
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = state.changed(), if !down => {}
            () = tokio::time::sleep(if down { INTERVAL_DOWN } else { INTERVAL_UP }) => {}
        }
    }
}

async fn look(engine: &Engine, past_is_settled: &mut bool) -> Result<(), String> {
    let settings = &engine.settings;
    engine.runtime.probe().await.map_err(|error| describe(&error))?;
    engine
        .runtime
        .image(&settings.sandbox.image)
        .await
        .map_err(|error| describe(&error))?;
    if !*past_is_settled {
        let now = engine.clock.now();
        let (store, runtime) = (&*engine.store, &*engine.runtime);
        let taken = recovery::take_over_own_past(
            store,
            runtime,
            &settings.runner,
            settings.incarnation,
            &engine.run_dirs,
            now,
        );
        let (killed, freed) = taken.await.map_err(|error| describe(&error))?;
        if killed + freed > 0 {
            tracing::info!(
                sandboxes.killed = killed,
                groups.freed = freed,
                "took over from an earlier life"
            );
        }
        *past_is_settled = true;
    }
    Ok(())
}

/// Tells each waiting chat once per outage why nothing happens.
pub(crate) async fn tell_waiting_chats(
    engine: &Engine,
    outage: u64,
    reason: &str,
    now: Timestamp,
) -> store::Result<()> {
    for (group, chat) in engine.store.waiting_chats(now, CHATS_PER_PASS).await? {
        let key = format!("runtime-down:{outage}:{chat}");
        let reply = Reply {
            key: key.clone(),
            chat,
            text:
                "I cannot start my sandbox right now. Your message is kept and will be answered as soon as that works \
                   again; the operator can see the reason."
                    .to_owned(),
            sender: None,
        };
        let recorded = engine
            .store
            .put_notice(&key, &reply, OutboxId::fresh(&*engine.ids), now)
            .await?;
        if let Recorded::New(_) = recorded {
            tracing::warn!(group.id = %group, reason, "a chat was told that sandboxes cannot be started");
            engine.publish_outbox(&reply.chat).await;
        }
    }
    Ok(())
}

fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
