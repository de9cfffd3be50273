//! Waiting for a point in true time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Action, Executor};

/// Resolves once its time has come and its process runs.
pub(crate) struct Sleep {
    executor: Executor,
    at: Duration,
    is_set: bool,
}

impl Sleep {
    pub(super) fn until(executor: &Executor, at: Duration) -> Self {
        Self {
            executor: executor.clone(),
            at,
            is_set: false,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.executor.now() >= self.at {
            return Poll::Ready(());
        }
        if !self.is_set {
            self.is_set = true;
            self.executor.timer(self.at, Action::Wake(context.waker().clone()));
        }
        Poll::Pending
    }
}
