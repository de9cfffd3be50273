//! The transitions: one small function per event.

use super::{Effect, Event, Exit, OpenTurn, Phase, Run};
use crate::ids::TurnId;
use crate::inbound::InboxMessage;
use crate::ipc::{AgentResult, CloseReason};
use crate::nanoclaw::SESSION_NOT_FOUND;
use crate::prompt::{is_alone, last_ord};
use crate::time::Monotonic;
use crate::turn::TurnBatch;
use crate::turn::answer::{renewed, stopped};

/// An event that cannot happen in this phase: a defect of the shell. The run must be failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event} cannot happen while {phase}")]
pub struct Unexpected {
    /// What happened.
    pub event: &'static str,
    /// What the run was doing.
    pub phase: &'static str,
}

/// Results that are final although the SDK calls them errors: the same attempt again would end the same way.
const FINAL_ERRORS: [&str; 2] = ["error_max_turns", "error_max_budget_usd"];

impl Run {
    /// Takes one step.
    ///
    /// # Errors
    /// [`Unexpected`] when the shell answered something that was not asked.
    pub fn transition(&mut self, event: Event, now: Monotonic) -> Result<Vec<Effect>, Unexpected> {
        if self.is_done() {
            return Ok(Vec::new());
        }
        match event {
            Event::Begun(batch) => self.on_begun(batch, now),
            Event::NothingPending => self.on_nothing_pending(now),
            Event::Committed { more } => self.on_committed(more, now),
            Event::AgentReady => Ok(self.on_ready(now)),
            Event::Result(result) => Ok(self.on_result(*result, now)),
            Event::InboxGrew(messages) => Ok(self.on_inbox_grew(messages, now)),
            Event::Called => Ok(self.on_called()),
            Event::Exited(exit) => Ok(self.on_exited(exit)),
            Event::Interrupted => Ok(self.finish(vec![Effect::Kill, Effect::Release { interrupted: true }])),
            Event::OthersWait(wait) => {
                self.others_wait = wait;
                Ok(Vec::new())
            }
            Event::Evict => Ok(self.close_if_idle(CloseReason::Evicted, now)),
            Event::Drain => {
                self.stopping = true;
                Ok(self.close_if_idle(CloseReason::Drain, now))
            }
            Event::StopTurn(turn) => Ok(self.on_stop_turn(turn)),
            Event::Stop => Ok(self.finish(vec![Effect::Kill, Effect::Release { interrupted: true }])),
            Event::FenceLost | Event::GivenUp => Ok(self.finish(vec![Effect::Kill])),
            Event::Tick { alive } => Ok(self.on_tick(alive, now)),
        }
    }

    fn on_begun(&mut self, batch: Box<TurnBatch>, now: Monotonic) -> Result<Vec<Effect>, Unexpected> {
        let Phase::Opening { warm } = self.phase else {
            return Err(self.unexpected("begun"));
        };
        self.cursor = batch.cursor;
        let ahead = self.handed > batch.cursor;
        let turn = OpenTurn {
            turn: batch.turn,
            attempt: batch.attempt,
            messages: batch.messages.clone(),
        };
        if warm.is_none() {
            self.handed = last_ord(&batch.messages).unwrap_or(self.handed);
            if turn.begins_anew() {
                return Ok(self.conclude(turn, renewed(), Vec::new()));
            }
            self.phase = Phase::Starting { turn, since: now };
            return Ok(vec![Effect::StartSandbox(batch)]);
        }
        if turn.is_isolated() || turn.begins_anew() {
            // Not in this sandbox, which knows the group's session: the claim is given back, and the next one starts afresh.
            return Ok(self.close_to_give_back(now));
        }
        if !ahead {
            self.handed = last_ord(&batch.messages).unwrap_or(self.handed);
            self.phase = Phase::Working {
                turn,
                since: now,
                last_sign: now,
            };
            return Ok(vec![Effect::HandOver(batch)]);
        }
        // The agent already works on follow-ups of the turn before; what came after them follows.
        let (handed, newer): (Vec<_>, Vec<_>) = turn
            .messages
            .into_iter()
            .partition(|message| message.ord <= self.handed);
        let turn = OpenTurn {
            messages: handed,
            ..turn
        };
        self.phase = Phase::Working {
            turn,
            since: now,
            last_sign: now,
        };
        // Chatter alone waits for the message that calls.
        let called = newer.iter().any(|message| message.envelope.engages);
        Ok(if called {
            self.on_inbox_grew(newer, now)
        } else {
            Vec::new()
        })
    }

    fn on_nothing_pending(&mut self, now: Monotonic) -> Result<Vec<Effect>, Unexpected> {
        let Phase::Opening { warm } = self.phase else {
            return Err(self.unexpected("nothing pending"));
        };
        let Some(since) = warm else {
            // Claimed but empty: released without touching the cursor.
            return Ok(self.finish(vec![Effect::Release { interrupted: true }]));
        };
        self.phase = Phase::Idle { since };
        Ok(if self.stopping {
            self.close_if_idle(CloseReason::Drain, now)
        } else {
            Vec::new()
        })
    }

    fn on_committed(&mut self, more: bool, now: Monotonic) -> Result<Vec<Effect>, Unexpected> {
        if self.phase == Phase::Concluding {
            return Ok(self.finish(vec![Effect::Release { interrupted: false }]));
        }
        let Phase::Committing {
            turn,
            through,
            then_close,
        } = self.phase
        else {
            return Err(self.unexpected("committed"));
        };
        self.cursor = through;
        self.last_turn = Some(turn);
        self.phase = Phase::Idle { since: now };
        let unanswered = self.handed > self.cursor;
        if then_close {
            // A limit of the sandbox is used up: the next turn gets a fresh one.
            return Ok(self.close_if_idle(CloseReason::Idle, now));
        }
        if !unanswered && self.stopping {
            return Ok(self.close_if_idle(CloseReason::Drain, now));
        }
        if !unanswered && self.others_wait {
            // A busy group does not run again before groups that waited longer.
            return Ok(self.close_if_idle(CloseReason::Evicted, now));
        }
        if !unanswered && !more {
            return Ok(Vec::new());
        }
        self.phase = Phase::Opening { warm: Some(now) };
        Ok(vec![Effect::BeginTurn])
    }

    fn on_ready(&mut self, now: Monotonic) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Starting { turn, .. } => {
                self.phase = Phase::Working {
                    turn,
                    since: now,
                    last_sign: now,
                }
            }
            other => self.phase = other,
        }
        Vec::new()
    }

    fn on_result(&mut self, result: AgentResult, now: Monotonic) -> Vec<Effect> {
        let (turn, since) = match std::mem::replace(&mut self.phase, Phase::Done) {
            // A result without a `ready` before it is as good a sign of life.
            Phase::Starting { turn, since } | Phase::Working { turn, since, .. } => (turn, since),
            other => {
                // Nothing was asked, so nothing can be committed; but what the agent says is heard.
                self.phase = other;
                return self.say_late(result);
            }
        };
        let is_final = FINAL_ERRORS.contains(&result.subtype.as_str());
        if result.is_error && !is_final {
            let reason = describe_error(&result);
            let forget_session = result.subtype == SESSION_NOT_FOUND;
            return self.finish(vec![
                Effect::Kill,
                Effect::Fail {
                    turn,
                    reason,
                    forget_session,
                },
            ]);
        }
        // The same attempt again would end the same way: what was handed over is dealt with, whatever was consumed.
        let consumed = if result.is_error {
            Some(self.handed)
        } else {
            result.consumed_through
        };
        match consumed.map(|through| through.min(self.handed)) {
            Some(through) if through > self.cursor => {
                self.phase = Phase::Committing {
                    turn: turn.turn,
                    through,
                    then_close: result.is_error || turn.is_isolated(),
                };
                vec![Effect::Commit {
                    turn,
                    through,
                    result: Box::new(result),
                }]
            }
            Some(_) | None => {
                let say = result.text.map(|text| Effect::Say { turn: turn.turn, text });
                self.phase = Phase::Working {
                    turn,
                    since,
                    last_sign: now,
                };
                say.into_iter().collect()
            }
        }
    }

    fn say_late(&self, result: AgentResult) -> Vec<Effect> {
        match (self.last_turn, result.text) {
            (Some(turn), Some(text)) if !result.is_error => vec![Effect::Say { turn, text }],
            _ => Vec::new(),
        }
    }

    fn on_inbox_grew(&mut self, messages: Vec<InboxMessage>, now: Monotonic) -> Vec<Effect> {
        let called = !messages.is_empty();
        let may_join = !is_alone(&messages) && self.takes_follow_ups && !self.others_wait && !self.stopping;
        match &mut self.phase {
            Phase::Working { turn, .. } if called && may_join && turn.takes_follow_ups() => {
                self.handed = last_ord(&messages).unwrap_or(self.handed);
                turn.messages.extend(messages.iter().cloned());
                vec![Effect::FollowUp {
                    turn: turn.turn,
                    attempt: turn.attempt,
                    messages,
                }]
            }
            Phase::Idle { .. } if called && self.others_wait => self.close_if_idle(CloseReason::Evicted, now),
            Phase::Idle { .. } if called => self.on_called(),
            // They stay in the inbox: the next turn or the next owner reads them.
            Phase::Opening { .. }
            | Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Committing { .. }
            | Phase::Concluding
            | Phase::Idle { .. }
            | Phase::Closing { .. }
            | Phase::Done => Vec::new(),
        }
    }

    fn on_called(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Idle { since } if !self.others_wait => {
                self.phase = Phase::Opening { warm: Some(since) };
                vec![Effect::BeginTurn]
            }
            Phase::Idle { .. }
            | Phase::Opening { .. }
            | Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Committing { .. }
            | Phase::Concluding
            | Phase::Closing { .. }
            | Phase::Done => Vec::new(),
        }
    }

    fn on_exited(&mut self, exit: Exit) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Starting { turn, .. } | Phase::Working { turn, .. } => {
                vec![
                    Effect::Kill,
                    Effect::Fail {
                        turn,
                        reason: exit.reason,
                        forget_session: false,
                    },
                ]
            }
            Phase::Closing { give_back, .. } => {
                vec![Effect::Kill, Effect::Release { interrupted: give_back }]
            }
            Phase::Opening { .. } | Phase::Committing { .. } | Phase::Concluding | Phase::Idle { .. } | Phase::Done => {
                vec![Effect::Kill, Effect::Release { interrupted: false }]
            }
        }
    }

    fn on_tick(&mut self, alive: bool, now: Monotonic) -> Vec<Effect> {
        let limits = self.limits;
        if let (true, Phase::Working { last_sign, .. }) = (alive, &mut self.phase) {
            *last_sign = now;
        }
        let overdue = match &self.phase {
            Phase::Starting { since, .. } => late(now, *since, limits.start, "the sandbox did not become ready"),
            Phase::Working { since, last_sign, .. } => {
                late(now, *last_sign, limits.silence, "the agent gave no sign of life")
                    .or_else(|| late(now, *since, limits.turn, "the agent was not done"))
            }
            Phase::Idle { since } if now.since(*since) >= limits.idle => {
                return self.close_if_idle(CloseReason::Idle, now);
            }
            Phase::Closing {
                since,
                killed,
                give_back,
            } if now.since(*since) >= limits.close => {
                let (killed, give_back) = (*killed, *give_back);
                if killed {
                    // The engine does not answer. The fence, not the kill, keeps that sandbox from being heard again.
                    return self.finish(vec![Effect::Release { interrupted: give_back }]);
                }
                self.phase = Phase::Closing {
                    since: now,
                    killed: true,
                    give_back,
                };
                return vec![Effect::Kill];
            }
            Phase::Opening { .. }
            | Phase::Committing { .. }
            | Phase::Concluding
            | Phase::Idle { .. }
            | Phase::Closing { .. }
            | Phase::Done => None,
        };
        match overdue {
            Some(reason) => self.on_exited(Exit { reason }),
            None => Vec::new(),
        }
    }

    /// Ends the turn with what was handed over, if it is the one that is meant and still worked on.
    fn on_stop_turn(&mut self, wanted: TurnId) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Starting { turn, .. } | Phase::Working { turn, .. } if turn.turn == wanted => {
                self.conclude(turn, stopped(), vec![Effect::Kill])
            }
            other => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    /// Commits a turn that needs no sandbox any more, and ends the claim.
    fn conclude(&mut self, turn: OpenTurn, result: AgentResult, mut effects: Vec<Effect>) -> Vec<Effect> {
        self.phase = Phase::Concluding;
        effects.push(Effect::Commit {
            turn,
            through: self.handed,
            result: Box::new(result),
        });
        effects
    }

    fn close_to_give_back(&mut self, now: Monotonic) -> Vec<Effect> {
        self.phase = Phase::Closing {
            since: now,
            killed: false,
            give_back: true,
        };
        vec![Effect::Close(CloseReason::Evicted)]
    }

    fn close_if_idle(&mut self, reason: CloseReason, now: Monotonic) -> Vec<Effect> {
        if matches!(self.phase, Phase::Idle { .. }) {
            self.phase = Phase::Closing {
                since: now,
                killed: false,
                give_back: false,
            };
            vec![Effect::Close(reason)]
        } else {
            Vec::new()
        }
    }

    fn finish(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        self.phase = Phase::Done;
        effects
    }

    fn unexpected(&self, event: &'static str) -> Unexpected {
        let phase = match self.phase {
            Phase::Opening { .. } => "opening",
            Phase::Starting { .. } => "starting",
            Phase::Working { .. } => "working",
            Phase::Committing { .. } | Phase::Concluding => "committing",
            Phase::Idle { .. } => "idle",
            Phase::Closing { .. } => "closing",
            Phase::Done => "done",
        };
        Unexpected { event, phase }
    }
}

fn late(now: Monotonic, since: Monotonic, limit: std::time::Duration, what: &str) -> Option<String> {
    (now.since(since) >= limit).then(|| format!("{what} within {} s", limit.as_secs_f64()))
}

/// Names the error without repeating what the model or the people said: an API error is worth telling, other text is not.
fn describe_error(result: &AgentResult) -> String {
    /// Enough to recognise an API error; more would be noise in a log line.
    const LENGTH_MAX: usize = 200;
    let api_error = result.text.as_deref().filter(|text| text.starts_with("API Error"));
    let detail = result.error.as_deref().or(api_error).unwrap_or("no reason given");
    let detail: String = detail.chars().take(LENGTH_MAX).collect();
    format!("{}: {detail}", result.subtype)
}
