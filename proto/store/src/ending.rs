//! How a turn ends for the firing it covers: what every engine records of it alike, and what the chat is told more.

use proto::ids::{InboxOrd, TurnId};
use proto::outbound::Reply;
use proto::task::{RunOutcome, paused_note};
use proto::time::Timestamp;
use proto::turn::{TurnCommit, TurnFailure};

/// What history says of a run that the agent ended itself, although it was not done.
const STOPPED: &str = "it stopped at a limit";

/// The end of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) turn: TurnId,
    /// A firing behind this was not covered.
    pub(crate) through: InboxOrd,
    outcome: RunOutcome,
    pub(crate) cost_micros: Option<i64>,
    pub(crate) error: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl<'a> Ending<'a> {
    pub(crate) fn of_commit(commit: &'a TurnCommit) -> Self {
        Self {
            turn: commit.turn,
            through: commit.through,
            outcome: commit.outcome,
            cost_micros: commit.cost_micros,
            error: (commit.outcome == RunOutcome::Failed).then_some(STOPPED),
            now: commit.now,
        }
    }

    pub(crate) fn of_failure(failure: &'a TurnFailure, through: InboxOrd) -> Self {
        Self {
            turn: failure.turn,
            through,
            outcome: RunOutcome::Failed,
            cost_micros: None,
            error: Some(&failure.reason),
            now: failure.now,
        }
    }

    /// How the run ended; what it said early counts as said.
    pub(crate) fn outcome(&self, said_early: bool) -> RunOutcome {
        match self.outcome {
            RunOutcome::Silent if said_early => RunOutcome::Answered,
            other => other,
        }
    }
}

/// What is said, with the news behind it that the task was `paused` after so many failures in a row.
pub(crate) fn with_note(replies: &[Reply], paused: Option<u32>) -> Vec<Reply> {
    let mut replies = replies.to_vec();
    if let (Some(last), Some(failures)) = (replies.last_mut(), paused) {
        last.text.push_str(&paused_note(failures));
    }
    replies
}
