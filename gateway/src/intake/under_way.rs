//! Messages whose files are being fetched. That may take longer than a platform waits, so it goes on when the platform hangs
//! up; when it says the message again, that waits for the same fetch instead of beginning another.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Messages with files that are taken at once; more must be said again later.
const UNDER_WAY_MAX: usize = 256;

#[derive(Default)]
struct Inner {
    keys: HashSet<String>,
    tasks: JoinSet<()>,
}

/// The messages under way. Clones are the same set.
#[derive(Clone, Default)]
pub(super) struct UnderWay {
    inner: Arc<Mutex<Inner>>,
    ended: Arc<Notify>,
}

/// Holds the place of a message until it is dropped.
pub(super) struct Place {
    under_way: UnderWay,
    key: String,
}

impl UnderWay {
    /// Takes the place of a message, waiting for whoever has it. None: too many are under way.
    pub(super) async fn place(&self, key: &str) -> Option<Place> {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // Before the look, so that an end between the two is not missed.
            ended.as_mut().enable();
            {
                let mut inner = self.lock();
                if inner.keys.len() >= UNDER_WAY_MAX {
                    return None;
                }
                if inner.keys.insert(key.to_owned()) {
                    let key = key.to_owned();
                    return Some(Place {
                        under_way: self.clone(),
                        key,
                    });
                }
            }
            ended.await;
        }
    }

    /// Lets a task go on, whoever waits for it.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut inner = self.lock();
        while inner.tasks.try_join_next().is_some() {}
        inner.tasks.spawn(task);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.lock().keys.remove(&self.key);
        self.under_way.ended.notify_waiters();
    }
}
