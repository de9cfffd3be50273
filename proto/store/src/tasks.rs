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
