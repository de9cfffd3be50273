//! What the control API takes and gives about tasks, as JSON.

use proto::ids::{ChatId, GroupId};
use proto::task::{FieldDifference, ListedTask, TaskFields, TaskId, TaskPolicy, TaskRun};
use proto::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Body of `POST /v1/tasks`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// Its id; default: a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TaskId>,
    /// Whose it is.
    pub group: GroupId,
    /// Where its answers go; default: the group's one chat on a platform, else its local chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatId>,
    /// Whether it waits to be resumed.
    #[serde(default)]
    pub paused: bool,
    /// What it is.
    pub fields: TaskFields,
}

/// Body of `PATCH /v1/tasks/{task}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskChange {
    /// Where its answers go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatId>,
    /// What it is.
    pub fields: TaskFields,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// The task.
    #[serde(flatten)]
    pub task: ListedTask,
    /// When things do not go to plan.
    pub policy: TaskPolicy,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its next runs, as the clock in its zone will show them; one in lists, a few for one task alone.
    pub next_runs: Vec<String>,
}

/// Answer of `GET /v1/tasks`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tasks {
    /// By id.
    pub tasks: Vec<TaskView>,
}

/// Answer of `POST /v1/tasks/{task}/run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunBegun {
    /// The task.
    pub task: TaskId,
    /// The key of the run in its history.
    pub due_at: Timestamp,
}

/// Answer of `GET /v1/task-runs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Runs {
    /// The one that ended last first.
    pub runs: Vec<TaskRun>,
}

/// Body of `PUT /v1/declared-tasks`: the tasks that files declare, all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The tasks.
    pub tasks: Vec<DeclaredTask>,
    /// Whether tasks that an earlier file brought and none declares any more are removed.
    #[serde(default)]
    pub prune: bool,
    /// Whether it is only said what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// A task in a file. Unlike in a change, what is absent is as usual.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredTask {
    /// Its id.
    pub name: TaskId,
    /// Whose it is.
    pub group: GroupId,
    /// Where its answers go; default: where they go now, else as for [`NewTask`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatId>,
    /// Whether it waits to be resumed; default: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What it is.
    pub fields: TaskFields,
}

/// Answer of `PUT /v1/declared-tasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// What is wrong; nothing was done if there is any.
    pub problems: Vec<Problem>,
    /// What was done, or would be.
    pub changes: Vec<AppliedTask>,
}

/// Something wrong with a declared task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which of [`Declared::tasks`], counted from 0.
    pub entry: usize,
    /// Which field, by the name it has in [`DeclaredTask`].
    pub field: Option<String>,
    /// What is wrong with its value, and what to do.
    pub message: String,
}

/// What is done about a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedTask {
    /// The task.
    pub name: TaskId,
    /// Its group.
    pub group: GroupId,
    /// What.
    pub action: Action,
    /// What differs; for a new task, what it is.
    pub differences: Vec<FieldDifference>,
    /// Its next runs from then on.
    pub next_runs: Vec<String>,
}

/// What is done about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is added.
    Add,
    /// It is changed.
    Change,
    /// It is as declared.
    Keep,
    /// It is declared no more, and removed.
    Remove,
    /// It is declared no more, and stays, since nobody said `prune`.
    Leave,
}
