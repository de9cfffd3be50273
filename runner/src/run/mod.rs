//! A run: the shell around [`proto::turn::run::Run`]. It waits for what happens to one group, lets the core decide, and
//! does what the core wants, in order and each to its end.

mod attachments;
mod events;
mod files;
mod guard;
mod launch;
mod outcome;
mod perform;
mod prompt;
mod request;
mod sandbox;
mod scheduled;
mod send_extra;
mod task_request;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus::Hint;
use proto::claim::{Claimed, Fence};
use proto::ids::{ChatId, InboxOrd, SessionId};
use proto::lease::Trust;
use proto::turn::Said;
use proto::turn::run::{Effect, Event, Run, RunLimits};
use service::lifecycle::Policy;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::slots::{Activity, Orders};
use crate::engine::{Engine, dispatch};
use crate::sandbox::SandboxId;
use crate::snapshot::Root;
use sandbox::Sandbox;
use scheduled::Scheduled;

/// Time a sandbox gets to finish after it was asked to.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// Runs a claimed group in a task of its own.
pub(crate) fn spawn(engine: Arc<Engine>, claimed: Claimed, orders: Arc<Orders>) {
    let lifecycle = engine.lifecycle.clone();
    lifecycle.spawn("run", Policy::BestEffort, async move {
        // The slot is freed even when the run panics: a defect in one group must not cost the others a slot. What the
        // panic left owned is given back by the reconciling sweep.
        let mut slot = SlotGuard {
            engine: Arc::clone(&engine),
            fence: claimed.fence.clone(),
            ended: None,
        };
        slot.ended = Some(GroupRun::new(engine, claimed, orders).drive().await);
        Ok(())
    });
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Whoever comes first may have the group.
    Over,
    /// Others may have it first: they may be able to do what this runner cannot.
    GivesWay,
}

struct SlotGuard {
    engine: Arc<Engine>,
    fence: Fence,
    /// None while it runs, and for ever if it panics.
    ended: Option<Ended>,
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        let Self { engine, fence, ended } = self;
        match ended {
            Some(Ended::Over) => engine.slots.free(fence),
            Some(Ended::GivesWay) => {
                engine.slots.free_unnoticed(fence);
                dispatch::pass_on(engine);
                return;
            }
            None => engine.slots.free_broken_off(fence),
        }
        // Only now: a group that is claimed again must find its old sandbox gone.
        engine.hints.publish(Hint::Ready { runner: None });
    }
}

/// One group between claim and release.
struct GroupRun {
    engine: Arc<Engine>,
    claimed: Claimed,
    orders: Arc<Orders>,
    run: Run,
    sandbox: Option<Sandbox>,
    /// One that was started, and that nobody could talk to; until it is surely dead.
    stray: Option<SandboxId>,
    /// Prompts handed over and not covered by a commit yet.
    prompts: Vec<HandedPrompt>,
    /// How far the inbox was read.
    read_through: InboxOrd,
    /// Chat the newest prompt came from.
    reply_chat: ChatId,
    /// The platform's id of the message that called the agent, where one can react to it.
    called_by: Option<String>,
    /// Session the agent works in.
    session: Option<SessionId>,
    /// Directories of the group, once they are on this host as they were committed.
    roots: Option<Vec<Root>>,
    /// What an interrupted attempt at this turn said early, and this one has not said again.
    said_before: Vec<Said>,
    /// Texts said outside of a turn's answer, to give each a key.
    said: u32,
    /// Tasks made in the turn at hand.
    scheduled: Scheduled,
    /// Whether the core knows that the runner drains.
    draining: bool,
    /// Whether its files were away, and nobody here wanted its slot.
    gives_way: bool,
    trust: watch::Receiver<Trust>,
    drain: CancellationToken,
    stop: CancellationToken,
    next_tick: tokio::time::Instant,
}

struct HandedPrompt {
    uuid: Uuid,
    through: InboxOrd,
}

impl GroupRun {
    fn new(engine: Arc<Engine>, claimed: Claimed, orders: Arc<Orders>) -> Self {
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
            claimed,
            orders,
            sandbox: None,
            stray: None,
            prompts: Vec::new(),
            read_through: InboxOrd::ZERO,
            reply_chat: ChatId::new(""),
            called_by: None,
            session: None,
            roots: None,
            said_before: Vec::new(),
            said: 0,
            scheduled: Scheduled::default(),
            draining: false,
            gives_way: false,
            trust: engine.trust.subscribe(),
            drain: engine.lifecycle.soft_stop(),
            stop: engine.lifecycle.hard_stop(),
            next_tick: tokio::time::Instant::now(),
            engine,
        }
    }

    async fn drive(mut self) -> Ended {
        let fence = self.claimed.fence.clone();
        tracing::debug!(group.id = %fence.group, lease.epoch = %fence.epoch, "group claimed");
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
            self.engine.slots.note(&fence, self.activity());
            let event = self.next_event().await;
            effects.extend(self.decide(event));
        }
        self.discard_sandbox().await;
        self.forget_files();
        self.tell_working(false);
        if self.gives_way { Ended::GivesWay } else { Ended::Over }
    }

    fn activity(&self) -> Activity {
        match self.run.idle_since() {
            Some(since) => Activity::Idle(since),
            None if self.run.is_closing() => Activity::Closing,
            None => Activity::Busy,
        }
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
