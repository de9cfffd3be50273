//! The lifecycle itself: the tasks that run, and the two stages of the stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::task::failure;
use super::{Cause, Outcome, Policy};

/// Time the remaining tasks get after the hard stop before they are cut off: enough to close a file or kill a sandbox,
/// short enough that a supervisor's own limit (10 s is customary) is not reached.
const HARD_STOP_GRACE: Duration = Duration::from_secs(5);
/// Time a task that was cut off gets to reach the point at which it stops: its next await.
const CUT_OFF_GRACE: Duration = Duration::from_secs(1);

/// The life of a process, or of one world in a test. Clones are the same life.
#[derive(Clone)]
pub struct Lifecycle {
    shared: Arc<Shared>,
}

struct Shared {
    soft: CancellationToken,
    hard: CancellationToken,
    work: TaskTracker,
    support: TaskTracker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cause: Option<Cause>,
    /// Tasks that run, by a number of their own.
    running: BTreeMap<u64, (&'static str, AbortHandle)>,
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

    /// Spawns work: a task that ends by itself after the soft stop and that the drain waits for.
    pub fn spawn(
        &self,
        name: &'static str,
        policy: Policy,
        future: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.spawn_in(&self.shared.work, name, policy, future);
    }

    /// Spawns support: a task that runs until the hard stop and that the drain does not wait for.
    pub fn spawn_support(
        &self,
        name: &'static str,
        policy: Policy,
        future: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.spawn_in(&self.shared.support, name, policy, future);
    }

    /// Spawns work that is started again with growing waits when it fails, until the soft stop. It is over when it
    /// returns without an error.
    pub fn spawn_restarting<F>(&self, name: &'static str, mut start: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let lifecycle = self.clone();
        self.shared.work.spawn(async move {
            let mut backoff = Backoff::default();
            loop {
                let started = Instant::now();
                let Err(error) = lifecycle.run(name, start()).await else {
                    return;
                };
                let wait = backoff.after(started.elapsed());
                tracing::error!(
                    task = name,
                    error = &*error as &dyn std::error::Error,
                    ?wait,
                    "task failed; starting it again"
                );
                tokio::select! {
                    biased;
                    () = lifecycle.shared.soft.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
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

    fn spawn_in(
        &self,
        tracker: &TaskTracker,
        name: &'static str,
        policy: Policy,
        future: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let lifecycle = self.clone();
        // Started here, not inside the supervisor: the task runs even if the caller never yields to the supervisor.
        let task = lifecycle.run(name, future);
        tracker.spawn(async move {
            let result = task.await;
            lifecycle.note_end(name, policy, result);
        });
    }

    /// Runs a future in a task of its own, so that its panic is a result and it can be cut off by name.
    fn run(
        &self,
        name: &'static str,
        future: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        #[expect(clippy::disallowed_methods, reason = "this is the lifecycle")]
        let task = tokio::spawn(future);
        let lifecycle = self.clone();
        let number = lifecycle.state().enter(name, task.abort_handle());
        async move {
            let result = task.await;
            lifecycle.state().running.remove(&number);
            failure(result)
        }
    }

    fn note_end(&self, name: &'static str, policy: Policy, result: anyhow::Result<()>) {
        let unasked = !self.shared.soft.is_cancelled();
        if let Err(error) = &result {
            tracing::error!(task = name, error = &**error as &dyn std::error::Error, "task failed");
        }
        if policy == Policy::Critical && unasked {
            if result.is_ok() {
                tracing::error!(task = name, "critical task ended although nobody had asked it to");
            }
            self.stop_because(Cause::Task {
                name,
                error: result.err(),
            });
        }
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

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; a poisoned state would still be consistent.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, name: &'static str, task: AbortHandle) -> u64 {
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
