//! A turn: one agent run over a batch of inbox rows, and a transaction over an agent. It commits (replies, cursor,
//! session, usage) or it never happened, except what was deliberately sent early.
//!
//! This module holds what is recorded of a turn; [`run`] decides step by step what to do, [`answer`] what is said at
//! its end, [`retry`] what to do after a failure.

pub mod answer;
pub mod retry;
pub mod run;

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, InboxOrd, OutboxId, SessionId, TurnId};
use crate::inbound::InboxMessage;
use crate::outbound::Reply;
use crate::snapshot::SnapshotRef;
use crate::task::RunOutcome;
use crate::time::Timestamp;

/// What a runner works on: the batch of one turn as read after the claim.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnBatch {
    /// Identity, the same over all attempts.
    pub turn: TurnId,
    /// 1 for the first attempt. An attempt that ended because its runner died is not counted.
    pub attempt: u32,
    /// Runners that died over this turn. At [`retry::RUNNER_DEATHS_MAX`] the head is given up without another attempt:
    /// see [`retry::decide_before_attempt`].
    pub runner_deaths: u32,
    /// The cursor before this turn.
    pub cursor: InboxOrd,
    /// In order; never empty. Those up to the cursor are chatter that the group's session has not seen: an isolated firing let
    /// it pass.
    pub messages: Vec<InboxMessage>,
    /// Session to resume: that of an interrupted attempt, else the group's; an isolated firing begins without.
    pub session: Option<SessionId>,
    /// Where an earlier attempt got to, if it had begun to work on its prompt.
    pub interrupted: Option<Interrupted>,
    /// The group's committed workspace.
    pub snapshot: Option<SnapshotRef>,
}

/// What is known of an attempt that had begun and did not finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The prompt it worked on reached this far; later messages are new to the session.
    pub seen_through: InboxOrd,
    /// What it sent early, oldest first.
    pub already_sent: Vec<Said>,
}

/// Something an agent said before its turn was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// In this chat.
    pub chat: ChatId,
    /// The text.
    pub text: String,
    /// As whom, if not as itself.
    pub sender: Option<String>,
}

/// What the model's work cost, as the Agent SDK reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens in, not cached.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens out.
    #[serde(default)]
    pub output_tokens: u64,
    /// Tokens written to the prompt cache.
    #[serde(default)]
    pub cache_creation_input_tokens: u64,
    /// Tokens read from the prompt cache.
    #[serde(default)]
    pub cache_read_input_tokens: u64,
}

/// Everything that becomes true when a turn commits.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnCommit {
    /// The turn.
    pub turn: TurnId,
    /// New cursor; larger than the old one.
    pub through: InboxOrd,
    /// What is said, in order; empty for a deliberate silence.
    pub replies: Vec<Reply>,
    /// Session to resume next time. The group keeps the one it has after an isolated firing, and when the model was not
    /// woken.
    pub session: Option<SessionId>,
    /// The workspace as of now, where it changed; none keeps the group's snapshot.
    pub snapshot: Option<SnapshotRef>,
    /// Tokens used.
    pub usage: Usage,
    /// Cost in millionths of a US dollar, where known.
    pub cost_micros: Option<i64>,
    /// How the run ended, for the history of the task whose firing the turn covers.
    pub outcome: RunOutcome,
    /// When.
    pub now: Timestamp,
}

/// Answer to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is true now.
    Now {
        /// Whether something that engages the agent lies behind the new cursor.
        more: bool,
    },
    /// It was already true: an earlier try of the same commit had got through (commit in doubt).
    Before,
}

impl Committed {
    /// Whether the group may have something to do: what was asked for earlier may have changed since.
    pub fn may_have_more(self) -> bool {
        matches!(self, Self::Now { more: true } | Self::Before)
    }
}

/// Everything that becomes true when an attempt at a turn fails. The claim ends with it.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnFailure {
    /// The turn.
    pub turn: TurnId,
    /// Reason, for the operator; never a message text.
    pub reason: String,
    /// What happens next.
    pub next: AfterFailure,
    /// Whether the session is gone and must not be resumed again (AR-D2).
    pub forget_session: bool,
    /// When.
    pub now: Timestamp,
}

/// What happens after a failed attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AfterFailure {
    /// The group is ready again, not before this time.
    Retry {
        /// Earliest time of the next claim.
        not_before: Timestamp,
    },
    /// The messages up to `through` become dead letters, the chat gets the notice, the cursor passes.
    DeadLetter {
        /// Last message given up.
        through: InboxOrd,
        /// What the chat is told.
        notice: Reply,
    },
}

impl AfterFailure {
    /// The word for logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::DeadLetter { .. } => "dead letter",
        }
    }
}

/// Whether an early effect is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the outbox now.
    New(OutboxId),
    /// The same tool use, or an interrupted attempt at this turn, had put it there before.
    Already(OutboxId),
}

impl Recorded {
    /// The outbox row.
    pub fn outbox_id(self) -> OutboxId {
        match self {
            Self::New(id) | Self::Already(id) => id,
        }
    }
}

/// State of a turn's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// An attempt is being made, or the last one was interrupted.
    Open,
    /// Its effects are true.
    Committed,
    /// Its messages were given up.
    DeadLettered,
}

impl TurnState {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Committed => "committed",
            Self::DeadLettered => "dead_lettered",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Committed, Self::DeadLettered]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}
