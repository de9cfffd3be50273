//! Changing a task that others may change at the same time: read, decide, store, and again where somebody came between.

use proto::claim::Fence;
use proto::task::{Task, TaskId};
use proto::time::Timestamp;

use crate::{Error, Result, Store};

/// Tries before giving up: somebody would have to come between each time.
const TRIES_MAX: u32 = 8;

/// Why a task was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E: std::error::Error + 'static> {
    /// The change itself makes no sense.
    #[error(transparent)]
    Refused(E),
    /// The store refused it or failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Changes a task as `decide` says of how it is now, and returns how it is then.
///
/// # Errors
/// What `decide` refuses; [`Error::NotFound`]; the errors of [`Store::put_task`].
pub async fn change<E: std::error::Error + 'static>(
    store: &dyn Store,
    id: &TaskId,
    fence: Option<&Fence>,
    now: Timestamp,
    decide: impl Fn(&Task) -> Result<Task, E> + Send + Sync,
) -> Result<Task, ChangeError<E>> {
    for _ in 0..TRIES_MAX {
        let task = store.task(id).await?.ok_or_else(|| not_found(id))?;
        let changed = decide(&task).map_err(ChangeError::Refused)?;
        if let Some(stored) = store.put_task(&changed, fence, now).await? {
            return Ok(stored);
        }
    }
    Err(Error::Conflict(format!("task {id} changes all the time; try again")).into())
}

/// The error of a task that does not exist.
pub(crate) fn not_found(id: &TaskId) -> Error {
    Error::NotFound {
        what: "task",
        id: id.to_string(),
    }
}

/// Why a due instant became no work.
pub(crate) const OVERLAPPED: &str = "an earlier run was not finished";

/// What every engine checks alike.
pub(crate) mod checks {
    use std::time::Duration;

    use proto::ids::GroupId;
    use proto::task::{Admission, CHAT_LOST, TASKS_MAX, Task, decide_overlap};

    use super::OVERLAPPED;
    use crate::{Error, Result};

    /// A task that is run by hand twice in one millisecond is run as if by hand in the next: each run has a key of its own.
    pub(crate) const NEXT_KEY: Duration = Duration::from_millis(1);

    /// Fails unless the chat belongs to the task's group.
    pub(crate) fn chat(task: &Task, group: Option<&GroupId>) -> Result<()> {
        if group == Some(&task.spec.group) {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "chat {} does not belong to group {}",
            task.spec.chat, task.spec.group
        )))
    }

    /// Fails if a change would move the task to another group.
    pub(crate) fn same_group(task: &Task, known: &Task) -> Result<()> {
        if task.spec.group == known.spec.group {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "task {} belongs to group {}: remove it there and add it to group {}",
            task.id, known.spec.group, task.spec.group
        )))
    }

    /// Fails if the group has as many tasks as it may.
    pub(crate) fn room(task: &Task, open_tasks: u32) -> Result<()> {
        if open_tasks < TASKS_MAX {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "group {} has {open_tasks} tasks, which is the most: cancel some that are not needed",
            task.spec.group
        )))
    }

    /// Fails unless the task may be run by hand.
    pub(crate) fn may_run_now(task: &Task, has_its_chat: bool, unfinished: u32) -> Result<()> {
        let why = match decide_overlap(task.spec.policy.overlap, unfinished) {
            _ if !has_its_chat => CHAT_LOST,
            Admission::Admitted => return Ok(()),
            Admission::Skipped => OVERLAPPED,
        };
        Err(Error::Conflict(format!("task {} cannot be run now: {why}", task.id)))
    }
}
