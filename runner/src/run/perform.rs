//! Does what the core wants.

use std::time::Duration;

use proto::ids::{OutboxId, TurnId};
use proto::ipc::{AgentResult, CloseReason};
use proto::outbound::{Reply, strip_internal};
use proto::turn::answer::final_replies;
use proto::turn::retry::{decide_after_failure, decide_before_attempt};
use proto::turn::run::{Effect, Event, Exit, OpenTurn};
use proto::turn::{AfterFailure, Committed, TurnBatch, TurnCommit, TurnFailure};
use service::crash_point;
use store::Begun;

use super::GroupRun;
use super::launch::LaunchError;
use crate::engine::persist::until_known;

impl GroupRun {
    /// Does one thing to its end; returns what the core must know of it.
    pub(super) async fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::BeginTurn => Some(self.begin_turn().await),
            Effect::StartSandbox(batch) => self.start_sandbox(&batch).await,
            Effect::HandOver(batch) => {
                self.tell_working(true);
                let prompt = self.prompt_of(&batch);
                self.hand_over(prompt).await
            }
            Effect::FollowUp {
                turn,
                attempt,
                messages,
            } => {
                let prompt = self.prompt_of_follow_up(turn, attempt, &messages);
                self.hand_over(prompt).await
            }
            Effect::Commit { turn, through, result } => {
                let replies = final_replies(&turn, through, &result);
                let event = self.commit(&turn, through, &result, replies).await;
                self.tell_working(false);
                Some(event)
            }
            Effect::Say { turn, text } => self.say(&turn, &text).await,
            Effect::Fail {
                turn,
                reason,
                forget_session,
            } => {
                let base = Duration::from_millis(self.engine.settings.config.retry_backoff_ms);
                let random = (self.engine.random)();
                let now = self.engine.clock.now();
                let next = decide_after_failure(
                    turn.attempt,
                    &turn.messages,
                    "it failed several times in a row",
                    base,
                    random,
                    now,
                );
                self.end_attempt(turn.turn, reason, next, forget_session).await;
                None
            }
            Effect::Close(reason) => self.close(reason).await,
            Effect::Kill => {
                self.kill_sandbox().await;
                None
            }
            Effect::Release { interrupted } => {
                self.release(interrupted).await;
                None
            }
        }
    }

    async fn begin_turn(&mut self) -> Event {
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let fresh = TurnId::fresh(&*engine.ids);
        let begun = until_known(engine, || engine.store.begin_turn(fence, fresh, engine.clock.now())).await;
        crash_point!("turn.begun");
        match begun {
            Ok(Begun::Turn(batch)) => {
                tracing::info!(
                    group.id = %fence.group, turn.id = %batch.turn, turn.attempt = batch.attempt,
                    turn.messages = batch.messages.len(), lease.epoch = %fence.epoch, "turn begins"
                );
                match decide_before_attempt(&batch) {
                    None => Event::Begun(batch),
                    Some(next) => {
                        let reason = format!("{} runners died over it", batch.runner_deaths);
                        self.end_attempt(batch.turn, reason, next, false).await;
                        Event::GivenUp
                    }
                }
            }
            Ok(Begun::Nothing) => Event::NothingPending,
            Err(error) => self.lost(&error),
        }
    }

    async fn start_sandbox(&mut self, batch: &TurnBatch) -> Option<Event> {
        self.tell_working(true);
        let started = self.engine.clock.monotonic();
        let prompt = self.prompt_of(batch);
        match self.launch(prompt, batch.session.clone()).await {
            Ok(sandbox) => {
                self.engine
                    .metrics
                    .observe_start(self.engine.clock.monotonic().since(started));
                let ready_at_once = !sandbox.link.takes_follow_ups();
                self.sandbox = Some(sandbox);
                if ready_at_once {
                    self.run.speaks_nanoclaw();
                    return Some(Event::AgentReady);
                }
                None
            }
            Err(LaunchError::RuntimeDown(reason)) => {
                self.engine.runtime_is_down(reason);
                Some(Event::RuntimeDown)
            }
            Err(LaunchError::Failed(reason)) => Some(Event::Exited(Exit { reason })),
        }
    }

    async fn hand_over(&mut self, prompt: proto::ipc::Prompt) -> Option<Event> {
        let sandbox = self.sandbox.as_mut()?;
        match sandbox.link.hand_over(prompt).await {
            Ok(()) => None,
            Err(error) => Some(Event::Exited(Exit {
                reason: format!("the prompt could not be handed over: {error}"),
            })),
        }
    }

    async fn commit(
        &mut self,
        turn: &OpenTurn,
        through: proto::ids::InboxOrd,
        result: &AgentResult,
        replies: Vec<Reply>,
    ) -> Event {
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let ids: Vec<_> = replies.iter().map(|_| OutboxId::fresh(&*engine.ids)).collect();
        let commit = TurnCommit {
            turn: turn.turn,
            through,
            session: result.session_id.clone().or_else(|| self.session.clone()),
            usage: result.usage,
            cost_micros: result.cost_usd.map(micros),
            now: engine.clock.now(),
            replies,
        };
        crash_point!("commit.before");
        // In doubt, the same commit is simply asked for again: the store knows the turn's id.
        let committed = until_known(engine, || engine.store.commit_turn(fence, &commit, &ids)).await;
        crash_point!("commit.after");
        match committed {
            Ok(Committed::Now | Committed::Before) => {
                tracing::info!(group.id = %fence.group, turn.id = %turn.turn, inbox.ord = %through, "turn committed");
                engine.metrics.turns_committed.inc();
                engine.metrics.observe_usage(&commit.usage, commit.cost_micros);
                self.prompts.retain(|prompt| prompt.through > through);
                for reply in &commit.replies {
                    engine.publish_outbox(&reply.chat).await;
                }
                Event::Committed
            }
            Err(error) => self.lost(&error),
        }
    }

    async fn say(&mut self, turn: &OpenTurn, text: &str) -> Option<Event> {
        let text = strip_internal(text)?;
        let chat = self.reply_chat.clone();
        self.said += 1;
        let reply = Reply {
            key: format!("extra:{}:{}", self.claimed.fence.epoch, self.said),
            chat,
            text,
            sender: None,
        };
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let fresh = OutboxId::fresh(&*engine.ids);
        let recorded = until_known(engine, || {
            engine
                .store
                .record_effect(fence, turn.turn, &reply, fresh, engine.clock.now())
        })
        .await;
        match recorded {
            Ok(_) => {
                engine.publish_outbox(&reply.chat).await;
                None
            }
            Err(error) => Some(self.lost(&error)),
        }
    }

    /// Records a failed attempt and what follows from it; the claim ends with it.
    async fn end_attempt(&mut self, turn: TurnId, reason: String, next: AfterFailure, forget_session: bool) {
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        tracing::warn!(group.id = %fence.group, turn.id = %turn, reason, next = next.as_str(), "turn failed");
        engine.metrics.turns_failed.inc();
        let failure = TurnFailure {
            turn,
            reason,
            next,
            forget_session,
            now: engine.clock.now(),
        };
        let notice_id = OutboxId::fresh(&*engine.ids);
        if let Err(error) = until_known(engine, || engine.store.fail_turn(fence, &failure, notice_id)).await {
            let _ = self.lost(&error);
        }
        if let AfterFailure::DeadLetter { notice, .. } = &failure.next {
            engine.publish_outbox(&notice.chat).await;
        }
        engine.hints.publish(bus::Hint::Wake);
    }

    async fn close(&mut self, reason: CloseReason) -> Option<Event> {
        let sandbox = self.sandbox.as_mut()?;
        match sandbox.link.close(reason).await {
            Ok(()) => None,
            Err(error) => Some(Event::Exited(Exit {
                reason: format!("it could not be asked to finish: {error}"),
            })),
        }
    }

    async fn release(&mut self, interrupted: bool) {
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let released = until_known(engine, || {
            engine.store.release_group(fence, interrupted, engine.clock.now())
        })
        .await;
        match released {
            Ok(()) => engine.hints.publish(bus::Hint::Wake),
            Err(error) => {
                let _ = self.lost(&error);
            }
        }
    }

    /// What a failed store call means: the group is no longer ours, or we cannot know; either way nothing more is done.
    pub(super) fn lost(&self, error: &store::Error) -> Event {
        let fence = &self.claimed.fence;
        self.engine.metrics.fences_lost.inc();
        tracing::error!(
            group.id = %fence.group, lease.epoch = %fence.epoch, error = error as &dyn std::error::Error,
            "the group is no longer ours: its sandbox is killed and what it did is dropped"
        );
        Event::FenceLost
    }

    pub(super) fn tell_working(&self, on: bool) {
        let group = self.claimed.fence.group.clone();
        self.engine.hints.publish(bus::Hint::Working { group, on });
    }
}

fn micros(dollars: f64) -> i64 {
    // Saturates; a NaN from the sandbox becomes 0.
    (dollars * 1e6).round() as i64
}
