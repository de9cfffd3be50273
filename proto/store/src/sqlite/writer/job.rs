//! A call that waits for the writer: what to do, and whom to tell.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::error::unavailable;
use crate::Result;

/// A call, whatever it returns.
pub(super) trait Job: Send {
    /// Does it, inside a savepoint. `false`: it failed and must be undone.
    fn perform(&mut self, conn: &Connection) -> bool;
    /// Tells the caller. `lost` is why the transaction around it did not take effect, if it did not.
    fn answer(self: Box<Self>, lost: Option<&str>);
}

/// A call that returns a `T`.
pub(super) struct Call<T, F> {
    act: Option<F>,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Call<T, F> {
    pub(super) fn new(act: F, answer: oneshot::Sender<Result<T>>) -> Self {
        Self {
            act: Some(act),
            result: None,
            answer,
        }
    }
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T> + Send,
{
    fn perform(&mut self, conn: &Connection) -> bool {
        let Some(act) = self.act.take() else { return false };
        // A defect in one statement must not end the thread that everybody else depends on. What it had done is undone
        // with its savepoint, and `conn` keeps no state of its own between statements, so going on is sound.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(conn)));
        let result = outcome.unwrap_or_else(|_| Err(unavailable("a database call panicked")));
        let done = result.is_ok();
        self.result = Some(result);
        done
    }

    fn answer(self: Box<Self>, lost: Option<&str>) {
        let result = match (self.result, lost) {
            // An error of the call itself holds whatever became of the rest.
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(_)), Some(reason)) => Err(unavailable(reason)),
            (Some(Ok(value)), None) => Ok(value),
            (None, reason) => Err(unavailable(reason.unwrap_or("the call was not made"))),
        };
        // A caller that went away needs no answer.
        self.answer.send(result).ok();
    }
}
