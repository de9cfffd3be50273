//! A run: the shell around [`proto::turn::run::Run`]. It waits for what happens to one group, lets the core decide, and
//! does what the core wants, in order and each to its end.

mod events;
mod launch;
mod perform;
mod prompt;
mod request;
mod sandbox;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus::Hint;
use proto::claim::Claimed;
use proto::ids::{ChatId, GroupId, InboxOrd, SessionId};
use proto::lease::Trust;
use proto::turn::run::{Effect, Event, Run, RunLimits};
use service::lifecycle::Policy;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::slots::Command;
use sandbox::Sandbox;

/// Time a sandbox gets to finish after it was asked to.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// Runs a claimed group in a task of its own.
pub(crate) fn spawn(engine: Arc<Engine>, claimed: Claimed, commands: mpsc::Receiver<Command>) {
    let lifecycle = engine.lifecycle.clone();
    lifecycle.spawn("run", Policy::BestEffort, async move {
        let group = claimed.fence.group.clone();
        // The slot is freed even when the run panics: a defect in one group must not cost the others a slot.
        let _slot = SlotGuard {
            engine: Arc::clone(&engine),
            group: group.clone(),
        };
        GroupRun::new(engine, claimed, commands).drive().await;
        Ok(())
    });
}

struct SlotGuard {
    engine: Arc<Engine>,
    group: GroupId,
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.engine.slots.free(&self.group);
    }
}

/// One group between claim and release.
struct GroupRun {
    engine: Arc<Engine>,
    claimed: Claimed,
    commands: mpsc::Receiver<Command>,
    run: Run,
    sandbox: Option<Sandbox>,
    /// Prompts handed over and not yet found in the transcript.
    prompts: Vec<HandedPrompt>,
    /// Chat the newest prompt came from.
    reply_chat: ChatId,
    /// Session the agent works in.
    session: Option<SessionId>,
    /// Results said outside of a turn's answer, to give each a key.
    said: u32,
    /// How far the runner trusts itself, as last acted upon.
    trusted: Trust,
    /// Whether the core knows that the runner drains.
    draining: bool,
    next_tick: tokio::time::Instant,
}

struct HandedPrompt {
    uuid: Uuid,
    through: InboxOrd,
}

impl GroupRun {
    fn new(engine: Arc<Engine>, claimed: Claimed, commands: mpsc::Receiver<Command>) -> Self {
        let config = &engine.settings.config;
        let limits = RunLimits {
            start: Duration::from_millis(config.start_timeout_ms),
            silence: Duration::from_millis(config.silence_timeout_ms),
            turn: claimed
                .group
                .settings
                .timeout()
                .unwrap_or(Duration::from_millis(config.timeout_ms)),
            idle: Duration::from_millis(config.idle_timeout_ms),
            close: CLOSE_GRACE,
        };
        Self {
            run: Run::claimed(limits),
            engine,
            claimed,
            commands,
            sandbox: None,
            prompts: Vec::new(),
            reply_chat: ChatId::new(""),
            session: None,
            said: 0,
            trusted: Trust::Full,
            draining: false,
            next_tick: tokio::time::Instant::now(),
        }
    }

    async fn drive(mut self) {
        let group = self.claimed.fence.group.clone();
        tracing::debug!(group.id = %group, lease.epoch = %self.claimed.fence.epoch, "group claimed");
        let mut effects = VecDeque::from([Effect::BeginTurn]);
        loop {
            while let Some(effect) = effects.pop_front() {
                if let Some(event) = self.perform(effect).await {
                    effects.extend(self.decide(event));
                }
            }
            if self.run.is_done() {
                break;
            }
            self.engine.slots.set_idle(&group, self.run.idle_since());
            let event = self.next_event().await;
            effects.extend(self.decide(event));
        }
        self.discard_sandbox().await;
        self.engine.hints.publish(Hint::Working { group, on: false });
    }

    fn decide(&mut self, event: Event) -> Vec<Effect> {
        let now = self.engine.clock.monotonic();
        self.run.transition(event, now).unwrap_or_else(|unexpected| {
            // A defect of this shell. Stopping gives the work back untouched, which is safe in any phase.
            tracing::error!(group.id = %self.claimed.fence.group, error = %unexpected, "run stopped by a defect");
            self.run.transition(Event::Stop, now).unwrap_or_default()
        })
    }
}
