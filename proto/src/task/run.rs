//! Firings, and what came of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TaskId;
use crate::ids::TurnId;
use crate::time::Timestamp;

/// One due instant of a task that was fired; `(task, due_at)` exists once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// The task.
    pub task: TaskId,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it was fired.
    pub fired_at: Timestamp,
    /// The turn that took it up.
    pub turn: Option<TurnId>,
}

impl Firing {
    /// How late it was fired.
    pub fn lateness(&self) -> Duration {
        self.fired_at.since(self.due_at)
    }
}

/// How a run of a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The agent said something.
    Answered,
    /// The agent chose to say nothing (SC-09).
    Silent,
    /// The task's check decided that the model need not be woken.
    NotWoken,
    /// It was given up after its retries.
    Failed,
    /// It was left out: an earlier one was unfinished.
    Skipped,
    /// It was passed over, and others behind it: nobody fired them in time.
    Missed,
    /// The task was paused or cancelled before it began (SC-D4), or somebody stopped it.
    Cancelled,
}

impl RunOutcome {
    const ALL: [Self; 7] = [
        Self::Answered,
        Self::Silent,
        Self::NotWoken,
        Self::Failed,
        Self::Skipped,
        Self::Missed,
        Self::Cancelled,
    ];

    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Silent => "silent",
            Self::NotWoken => "not_woken",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// A line of a task's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// The task.
    pub task: TaskId,
    /// Which firing.
    pub due_at: Timestamp,
    /// The turn, if there was one.
    pub turn: Option<TurnId>,
    /// When work on it began; `due_at` when it never did.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Cost in millionths of a US dollar, where known.
    pub cost_micros: Option<i64>,
    /// Reason of a failure, for the operator; never a message text.
    pub error: Option<String>,
}

impl TaskRun {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        self.ended_at.since(self.started_at)
    }
}
