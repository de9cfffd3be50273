//! The two stages of the stop, and what is known of the tasks meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Cause, Outcome};

/// Time the remaining tasks get after the hard stop before they are cut off: enough to close a file or kill a sandbox,
/// short enough that a supervisor's own limit (10 s is customary) is not reached.
const HARD_STOP_GRACE: Duration = Duration::from_secs(5);
/// Time a task that was cut off gets to reach the point at which it stops: its next await.
const CUT_OFF_GRACE: Duration = Duration::from_secs(1);

/// The life of a process, or of one world in a test. Clones are the same life.
#[derive(Clone)]
pub struct Lifecycle {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) soft: CancellationToken,
    hard: CancellationToken,
    pub(super) work: TaskTracker,
    pub(super) support: TaskTracker,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    cause: Option<Cause>,
    /// Tasks that run, by a number of their own.
    pub(super) running: BTreeMap<u64, (&'static str, AbortHandle)>,
    next: u64,
}

impl Lifecycle {
    /// Starts a life without tasks.
    pub fn new() -> Self {
        let (work, support) = (TaskTracker::new(), TaskTracker::new());
        // A closed tracker still takes tasks; closed only means that it may be waited for.
        work.close();
        support.close();
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        Self {
            shared: Arc::new(Shared {
                soft,
                hard,
                work,
                support,
                state: Mutex::default(),
            }),
        }
    }

    /// Cancelled when intake must end.
    pub fn soft_stop(&self) -> CancellationToken {
        self.shared.soft.clone()
    }

    /// Cancelled when everything must end.
    pub fn hard_stop(&self) -> CancellationToken {
        self.shared.hard.clone()
    }

    /// Begins the soft stop on behalf of the program.
    pub fn begin_soft_stop(&self) {
        self.stop_because(Cause::Requested);
    }

    /// Begins the hard stop now, and the soft stop with it.
    pub fn begin_hard_stop(&self) {
        self.begin_soft_stop();
        self.shared.hard.cancel();
    }

    /// Names of the tasks that run now.
    pub fn running(&self) -> Vec<&'static str> {
        self.state().running.values().map(|(name, _)| *name).collect()
    }

    /// Waits for the soft stop, lets work drain for at most `drain`, ends the rest, and says what happened.
    pub async fn finished(&self, drain: Duration) -> Outcome {
        let shared = &self.shared;
        shared.soft.cancelled().await;
        tokio::select! {
            () = shared.work.wait() => {}
            () = shared.hard.cancelled() => {}
            () = tokio::time::sleep(drain) => tracing::warn!(tasks = ?self.running(), "drain limit reached"),
        }
        shared.hard.cancel();
        let all_ended = async { tokio::join!(shared.work.wait(), shared.support.wait()) };
        let cut_off = match tokio::time::timeout(HARD_STOP_GRACE, all_ended).await {
            Ok(_) => Vec::new(),
            Err(_) => self.cut_off().await,
        };
        let cause = self.state().cause.take().unwrap_or(Cause::Requested);
        Outcome { cause, cut_off }
    }

    /// Begins the soft stop; only the first cause counts.
    pub(super) fn stop_because(&self, cause: Cause) {
        self.state().cause.get_or_insert(cause);
        self.shared.soft.cancel();
    }

    async fn cut_off(&self) -> Vec<&'static str> {
        let names = self.running();
        tracing::warn!(tasks = ?names, "tasks did not end and are cut off");
        for (_, task) in self.state().running.values() {
            task.abort();
        }
        let all_ended = async { tokio::join!(self.shared.work.wait(), self.shared.support.wait()) };
        if tokio::time::timeout(CUT_OFF_GRACE, all_ended).await.is_err() {
            tracing::error!(tasks = ?self.running(), "tasks block their thread and are left behind");
        }
        names
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; a poisoned state would still be consistent.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes a task that runs; returns its number.
    pub(super) fn enter(&mut self, name: &'static str, task: AbortHandle) -> u64 {
        let number = self.next;
        self.next += 1;
        self.running.insert(number, (name, task));
        number
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}
