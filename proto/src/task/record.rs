//! A task as it is stored.

use serde::{Deserialize, Serialize};

use super::{TaskId, TaskSpec};
use crate::nanoclaw::TaskSnapshot;
use crate::time::Timestamp;

/// Whether a task creates work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It does, when due.
    Active,
    /// It waits to be resumed.
    Paused,
    /// It has no due instant left.
    Done,
}

impl TaskState {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Done => "done",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Paused, Self::Done]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// NanoClaw's word for it (SC-12).
    pub fn as_nanoclaw(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Done => "completed",
        }
    }
}

/// Who made a task, and so answers for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOrigin {
    /// An agent, by a tool.
    Agent,
    /// A person, by a command.
    #[default]
    Operator,
    /// A declarative file: what leaves the file may leave with it.
    File,
}

impl TaskOrigin {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::File => "file",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::Operator, Self::File]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Identity.
    pub id: TaskId,
    /// What was asked for.
    pub spec: TaskSpec,
    /// Whether it creates work.
    pub state: TaskState,
    /// First due instant not dealt with, moved by compare-and-set. A paused task keeps it: intervals stay on their grid.
    pub next_due: Option<Timestamp>,
    /// Runs that failed since the last one that did not.
    pub failures_in_row: u32,
    /// Who made it.
    #[serde(default)]
    pub origin: TaskOrigin,
    /// When it was made.
    pub created_at: Timestamp,
    /// Grows with every change of its row, firings among them; 0 for a task that was not stored yet.
    pub version: i64,
}

impl Task {
    /// The task as somebody else's.
    #[must_use]
    pub fn by(self, origin: TaskOrigin) -> Self {
        Self { origin, ..self }
    }

    /// The task as NanoClaw's agents and our `list_tasks` show it (IPC-20).
    pub fn snapshot(&self) -> TaskSnapshot {
        TaskSnapshot {
            id: self.id.to_string(),
            group_folder: self.spec.group.clone(),
            prompt: super::listed::cut(&self.spec.prompt),
            schedule_type: self.spec.schedule.kind().as_str().to_owned(),
            schedule_value: self.spec.schedule.value(),
            status: self.state.as_nanoclaw().to_owned(),
            next_run: self.next_due.filter(|_| self.state == TaskState::Active),
        }
    }
}

/// Decides when a paused task is due once it is resumed: its next instant from `now` on, on the grid it had, instead of all the
/// time it slept (IPC-D2). A single time that passed meanwhile is still due: it was promised and never kept. `None`: nothing is
/// left, the task is done.
pub fn decide_resume(spec: &TaskSpec, next_due: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let due = next_due?;
    if due > now {
        return Some(due);
    }
    let next = spec.schedule.next_after(spec.zone, due, now);
    next.or(Some(due))
}
