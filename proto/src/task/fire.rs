//! Firing a task: what the leader asks of the store in one transaction, and what came of it.

use super::{FiringDecision, Task, TaskId};
use crate::ids::{GroupId, RunnerId};
use crate::time::Timestamp;

/// A decision about a due task, with what it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FireTask {
    /// The task.
    pub task: TaskId,
    /// Version of the task the decision was made for; another one has overtaken it.
    pub version: i64,
    /// Its `next_due` then: the first due instant that was not dealt with.
    pub seen: Timestamp,
    /// Due instants to fire, oldest first.
    pub fire: Vec<Timestamp>,
    /// Due instants passed over, from `seen` on.
    pub missed: u64,
    /// New `next_due`. `None`: the task is done.
    pub next_due: Option<Timestamp>,
}

impl FireTask {
    /// The decision about `task` as it was read; `None` for one that is not due at any time.
    pub fn of(task: &Task, decision: FiringDecision) -> Option<Self> {
        Some(Self {
            task: task.id.clone(),
            version: task.version,
            seen: task.next_due?,
            fire: decision.fire,
            missed: decision.skipped,
            next_due: decision.next_due,
        })
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// It is true now.
    Done(FireReport),
    /// The task was fired, changed, paused or removed since it was read: nothing was done.
    Overtaken,
}

/// What firing a task brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FireReport {
    /// The task's group.
    pub group: GroupId,
    /// Runner that serves it now.
    pub owner: Option<RunnerId>,
    /// Runner that served it last and still lives: the one to ask first.
    pub last_runner: Option<RunnerId>,
    /// Due instants that became work, oldest first.
    pub admitted: Vec<Timestamp>,
    /// Due instants left out by the overlap policy.
    pub skipped: Vec<Timestamp>,
    /// Whether the task was paused instead, since its chat belongs to its group no more.
    pub paused: bool,
}

/// Whose runs are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunsOf {
    /// Those of one task, which may be removed by now.
    Task(TaskId),
    /// Those of a group's tasks.
    Group(GroupId),
    /// All.
    All,
}

/// Why a task was paused whose chat belongs to its group no more.
pub const CHAT_LOST: &str = "the task's chat does not belong to its group any more";

/// What history says of due instants that were passed over.
pub fn missed_reason(count: u64) -> String {
    match count {
        1 => "a due instant was missed".to_owned(),
        more => format!("{more} due instants were missed"),
    }
}
