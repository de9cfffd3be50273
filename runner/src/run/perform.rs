//! Does what the core wants.

use std::time::Duration;

use proto::ids::TurnId;
use proto::ipc::CloseReason;
use proto::turn::TurnBatch;
use proto::turn::retry::{ATTEMPTS_MAX, decide_after_failure, decide_before_attempt};
use proto::turn::run::{Effect, Event, Exit, OpenTurn};
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
            Effect::HandOver(_) if self.finds_no_room() => Some(Event::Interrupted),
            Effect::HandOver(batch) => {
                let prompt = self.prompt_of(&batch).await;
                self.hand_over(prompt).await
            }
            Effect::FollowUp {
                turn,
                attempt,
                messages,
            } => {
                let prompt = self.prompt_of_follow_up(turn, attempt, &messages).await;
                self.hand_over(prompt).await
            }
            Effect::Commit { turn, through, result } => {
                let event = self.commit(&turn, through, &result).await;
                self.tell_working(false);
                Some(event)
            }
            Effect::Say { turn, text } => self.say(turn, &text).await,
            Effect::Fail {
                turn,
                reason,
                forget_session,
            } => {
                self.fail(&turn, reason, forget_session).await;
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

    /// Ends the attempt, and with it the claim. Where the disk is full nothing else is tried here until there is room. The attempt
    /// counts all the same: it may be what filled it.
    pub(super) async fn fail(&mut self, turn: &OpenTurn, reason: String, forget_session: bool) {
        self.finds_no_room();
        let base = Duration::from_millis(self.engine.settings.config.retry_backoff_ms);
        let (random, now) = ((self.engine.random)(), self.engine.clock.now());
        let why = "it failed several times in a row";
        let next = decide_after_failure(turn.attempt, &turn.messages, why, base, random, now);
        self.end_attempt(turn.turn, reason, next, forget_session).await;
    }

    /// Whether the disk is full, and nothing is to be begun on this host.
    fn finds_no_room(&self) -> bool {
        let lack = self.engine.lacks_room();
        lack.map(|lack| self.engine.runtime_is_down(lack)).is_some()
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
                if batch.attempt == 1 {
                    self.note_read(&batch.messages);
                }
                match decide_before_attempt(&batch) {
                    None => {
                        self.tell_working(true);
                        Event::Begun(batch)
                    }
                    Some(next) => {
                        let reason = if batch.attempt > ATTEMPTS_MAX {
                            "its runs panicked".to_owned()
                        } else {
                            format!("{} runners died over it", batch.runner_deaths)
                        };
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
        if self.finds_no_room() {
            return Some(Event::Interrupted);
        }
        let started = self.engine.clock.monotonic();
        // What a turn that is stopped early goes on with.
        self.session.clone_from(&batch.session);
        let launched = match self.restore_files(batch.snapshot.as_ref()).await {
            Ok(()) => {
                // After the group's files are here: those of the messages come into the same directory.
                let prompt = self.prompt_of(batch).await;
                self.launch(prompt, batch.session.clone()).await
            }
            Err(error) => Err(error),
        };
        match launched {
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
                Some(Event::Interrupted)
            }
            Err(LaunchError::FilesAway(reason)) => Some(self.wait_for_files(batch, &reason).await),
            Err(LaunchError::Failed(reason)) => Some(Event::Exited(Exit { reason })),
        }
    }

    async fn hand_over(&mut self, prompt: proto::ipc::Prompt) -> Option<Event> {
        self.refresh_snapshots().await;
        let sandbox = self.sandbox.as_mut()?;
        match sandbox.link.hand_over(prompt).await {
            Ok(()) => None,
            Err(error) => Some(Event::Exited(Exit {
                reason: format!("the prompt could not be handed over: {error}"),
            })),
        }
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

    pub(super) fn tell_working(&self, on: bool) {
        let group = self.claimed.fence.group.clone();
        let chat = self.reply_chat.clone();
        self.engine.hints.publish(bus::Hint::Working { group, chat, on });
    }
}
