//! Spawning: every task gets a name, a place in the drain, and somebody who waits for its end.

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::task::failure;
use super::{Cause, Lifecycle, Policy};

impl Lifecycle {
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
}
