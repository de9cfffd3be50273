//! Does what the core wants.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proto::ids::{IdSource, InboxOrd, TurnId};
use proto::inbound::InboxMessage;
use proto::prompt::last_ord;
use proto::task::RunOutcome;
use proto::turn::retry::{decide_after_failure, decide_before_attempt};
use proto::turn::run::{Effect, Event, Exit};
use proto::turn::{TurnBatch, TurnCommit, Usage};
use store::Begun;

use super::files::NotHere;
use super::{GroupRun, Held, kill};
use crate::fences::Fence;
use crate::history;
use crate::runner::guard;
use crate::runner::persist::until_known;
use crate::sandbox::{Prompt, Proxy, RuntimeAway, ToAgent};

/// Wait after a first failed attempt, which is configurable: short, so that a poison message costs seconds.
const BACKOFF: Duration = Duration::from_secs(1);

/// Share of claims whose read would be stale if both were one statement.
const STALE_READS: f64 = 0.1;

impl GroupRun {
    /// Does one thing to its end; returns what the core must know of it.
    pub(super) async fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::BeginTurn => Some(self.begin_turn().await),
            Effect::StartSandbox(batch) => self.start_sandbox(&batch).await,
            Effect::HandOver(batch) => {
                let prompt = self.prompt(batch.turn, batch.messages);
                self.hand_over(prompt)
            }
            Effect::FollowUp { turn, messages, .. } => {
                let prompt = self.prompt(turn, messages);
                self.hand_over(prompt)
            }
            Effect::Commit { turn, through, result } => Some(self.commit(&turn, through, &result).await),
            Effect::Say { turn, text } => self.say(turn, &text).await,
            Effect::Fail {
                turn,
                reason,
                forget_session,
            } => {
                let random = self.runner.world.executor.draw(|random| random.unit());
                let (people, now) = ("it failed several times in a row", self.runner.me.now());
                let next = decide_after_failure(turn.attempt, &turn.messages, people, BACKOFF, random, now);
                self.end_attempt(turn.turn, reason, next, forget_session).await;
                None
            }
            Effect::Close(_) => {
                if let Some(held) = &self.sandbox {
                    held.sandbox.tell(ToAgent::Close);
                }
                None
            }
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
        let (runner, fence) = (&self.runner, &self.claimed.fence);
        let fresh = TurnId::fresh(&runner.world.ids);
        let begun = until_known(runner, || runner.rows.begin_turn(fence, fresh, runner.me.now())).await;
        match begun {
            Ok(Begun::Turn(batch)) => {
                runner.world.history.record(history::Event::Began {
                    group: fence.group.clone(),
                    epoch: fence.epoch,
                    cursor: batch.cursor,
                });
                if !runner.world.stands(Fence::ReadAfterClaim) && runner.world.executor.chance(STALE_READS) {
                    return self.commit_nothing(batch.turn).await;
                }
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

    /// With the fence down: the claim saw the newest row of the group, and read its messages in an older snapshot, where
    /// there were none; a careless commit then covers the inbox up to where it thinks to be, its beginning.
    async fn commit_nothing(&mut self, turn: TurnId) -> Event {
        let commit = TurnCommit {
            turn,
            through: InboxOrd::ZERO,
            outcome: RunOutcome::Silent,
            replies: Vec::new(),
            session: None,
            snapshot: None,
            usage: Usage::default(),
            cost_micros: None,
            now: self.runner.me.now(),
        };
        match self.runner.rows.commit_turn(&self.claimed.fence, &commit, &[]).await {
            Ok(_) => Event::NothingPending,
            Err(error) => self.lost(&error),
        }
    }

    async fn start_sandbox(&mut self, batch: &TurnBatch) -> Option<Event> {
        let prompt = self.prompt(batch.turn, batch.messages.clone());
        match self.restore_files(batch.snapshot.as_ref()).await {
            Ok(()) => {}
            Err(NotHere::Away) => return Some(Event::Interrupted),
            Err(NotHere::Damaged(reason)) => return Some(Event::Exited(Exit { reason })),
        }
        let runner = &self.runner;
        let proxy = Proxy::new(&runner.me, &runner.clocked);
        match runner
            .host
            .start(&runner.world, &runner.me, &self.claimed.fence, proxy)
            .await
        {
            Ok(sandbox) => {
                let guard_over = Rc::new(Cell::new(false));
                sandbox.tell(ToAgent::Prompt(prompt));
                let watching = guard::watch(Rc::clone(runner), Rc::clone(&sandbox), Rc::clone(&guard_over));
                runner.me.spawn(watching);
                self.note(format_args!("sandbox {} started", sandbox.number));
                self.sandbox = Some(Held {
                    sandbox,
                    guard_over,
                    exited: None,
                    killed: None,
                });
                None
            }
            Err(RuntimeAway) => {
                runner.runtime_is_up.send_replace(false);
                Some(Event::Interrupted)
            }
        }
    }

    fn hand_over(&mut self, prompt: Prompt) -> Option<Event> {
        self.sandbox.as_ref()?.sandbox.tell(ToAgent::Prompt(prompt));
        None
    }

    fn prompt(&mut self, turn: TurnId, messages: Vec<InboxMessage>) -> Prompt {
        let newest = messages
            .iter()
            .rev()
            .find(|message| message.envelope.engages)
            .or(messages.last());
        if let Some(newest) = newest {
            self.reply_chat = newest.envelope.chat.clone();
        }
        let through = last_ord(&messages).unwrap_or(InboxOrd::ZERO);
        let uuid = self.runner.world.ids.uuid();
        self.prompts.push((uuid, through));
        Prompt {
            turn,
            uuid,
            through,
            messages,
        }
    }

    /// Kills the sandbox, if there is one; returns whether none of ours is left that could act.
    pub(super) async fn kill_sandbox(&mut self) -> bool {
        match &mut self.sandbox {
            Some(held) => kill(&self.runner, held).await,
            None => true,
        }
    }
}
