//! A run: everything a runner does for one group between claim and release, decided step by step.
//!
//! [`Run::transition`] is a plain function over data. The shell (in the runner) executes the effects in order, each to
//! its end, and feeds back what happened. Nothing here knows a store, a sandbox or a clock.
//!
//! Invariants: the cursor moves only by [`Effect::Commit`], and only as far as the agent said it consumed; a run ends
//! in exactly one of release, failure and lost fence; messages are handed over in inbox order, each once; a firing or a command is
//! never handed over beside anything else, and an isolated one only to a sandbox that did nothing before and does nothing
//! after it.

mod decide;
mod event;

pub use decide::Unexpected;
pub use event::{Effect, Event, Exit};

use std::time::Duration;

use crate::command::SessionCommand;
use crate::ids::{ChatId, InboxOrd, TurnId};
use crate::inbound::InboxMessage;
use crate::prompt::{command_of, is_alone, is_isolated};
use crate::time::Monotonic;

/// Limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// From claim to the agent's first sign of readiness.
    pub start: Duration,
    /// Without any sign of life from a working agent.
    pub silence: Duration,
    /// Of one whole turn (CR-18).
    pub turn: Duration,
    /// That an idle sandbox stays warm (ML-17).
    pub idle: Duration,
    /// From asking a sandbox to finish to killing it.
    pub close: Duration,
}

/// State of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    limits: RunLimits,
    phase: Phase,
    /// Covered by committed turns.
    cursor: InboxOrd,
    /// The turn that was committed last in this run.
    last_turn: Option<TurnId>,
    /// Handed to the agent; never smaller than the cursor.
    handed: InboxOrd,
    /// Whether the contract lets us hand over while a prompt is unanswered.
    takes_follow_ups: bool,
    /// Whether groups that waited longer need this slot.
    others_wait: bool,
    /// Whether the runner is draining.
    stopping: bool,
}

/// What the run is doing.
#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// The batch of the next turn is being read; `warm`: in a sandbox that has run a turn, and had nothing to do since then.
    Opening { warm: Option<Monotonic> },
    /// The sandbox of the first turn starts.
    Starting { turn: OpenTurn, since: Monotonic },
    /// The agent works.
    Working {
        turn: OpenTurn,
        since: Monotonic,
        last_sign: Monotonic,
    },
    /// A result is being committed; `then_close`: this sandbox can do no more.
    Committing {
        turn: TurnId,
        through: InboxOrd,
        then_close: bool,
    },
    /// A turn that needs no sandbox any more, or never did, is being committed; the claim ends with it.
    Concluding,
    /// The sandbox is warm and has nothing to do.
    Idle { since: Monotonic },
    /// The sandbox was asked to finish; `give_back`: for a turn that was begun and needs another sandbox.
    Closing {
        since: Monotonic,
        killed: bool,
        give_back: bool,
    },
    /// Over.
    Done,
}

/// The turn being worked on.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenTurn {
    /// Identity.
    pub turn: TurnId,
    /// Attempt, counted from 1.
    pub attempt: u32,
    /// Its messages and the follow-ups handed over since, in order.
    pub messages: Vec<InboxMessage>,
}

impl OpenTurn {
    /// Whether further messages may join it: firings and commands stay alone.
    fn takes_follow_ups(&self) -> bool {
        !is_alone(&self.messages)
    }

    /// Whether it begins a new conversation.
    fn begins_anew(&self) -> bool {
        command_of(&self.messages) == Some(SessionCommand::New)
    }

    /// Whether its sandbox serves it alone.
    fn is_isolated(&self) -> bool {
        is_isolated(&self.messages)
    }

    /// Chat the answer goes to: that of the last message up to `through` that called the agent.
    pub fn reply_chat(&self, through: InboxOrd) -> Option<&ChatId> {
        let covered = || self.messages.iter().rev().filter(|message| message.ord <= through);
        covered()
            .find(|message| message.envelope.engages)
            .or_else(|| covered().next())
            .map(|message| &message.envelope.chat)
    }
}

impl Run {
    /// Starts with the claim: the next event must be the answer to [`Effect::BeginTurn`].
    pub fn claimed(limits: RunLimits) -> Self {
        Self {
            limits,
            phase: Phase::Opening { warm: None },
            cursor: InboxOrd::ZERO,
            last_turn: None,
            handed: InboxOrd::ZERO,
            takes_follow_ups: true,
            others_wait: false,
            stopping: false,
        }
    }

    /// Notes that the sandbox speaks NanoClaw's contract: its results do not say what they consumed, so a prompt must
    /// be answered before the next is handed over, and it gives no signs of life between results (CR-17).
    pub fn speaks_nanoclaw(&mut self) {
        self.takes_follow_ups = false;
        self.limits.silence = self.limits.turn;
    }

    /// Whether the run is over.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Since when the sandbox has had nothing to do; only an idle one may be evicted.
    pub fn idle_since(&self) -> Option<Monotonic> {
        match self.phase {
            Phase::Idle { since } => Some(since),
            Phase::Opening { .. }
            | Phase::Starting { .. }
            | Phase::Working { .. }
            | Phase::Committing { .. }
            | Phase::Concluding
            | Phase::Closing { .. }
            | Phase::Done => None,
        }
    }

    /// Whether it begins a turn as soon as it is called. Otherwise somebody must look by what.
    pub fn begins_when_called(&self) -> bool {
        matches!(self.phase, Phase::Idle { .. }) && !self.others_wait
    }

    /// Position after which new messages are of interest.
    pub fn handed(&self) -> InboxOrd {
        self.handed
    }

    /// Whether the sandbox was asked to finish.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// The turn what the agent says now belongs to: the open one, or else the one committed last.
    pub fn speaking_turn(&self) -> Option<TurnId> {
        self.open_turn().map(|open| open.turn).or(self.last_turn)
    }

    /// The turn being worked on, if any.
    pub fn open_turn(&self) -> Option<&OpenTurn> {
        match &self.phase {
            Phase::Starting { turn, .. } | Phase::Working { turn, .. } => Some(turn),
            Phase::Opening { .. }
            | Phase::Committing { .. }
            | Phase::Concluding
            | Phase::Idle { .. }
            | Phase::Closing { .. }
            | Phase::Done => None,
        }
    }
}

#[cfg(test)]
mod tests;
