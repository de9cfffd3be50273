//! The reaper: declares runners dead whose heartbeat stands still, so that others take over their groups.
//!
//! [`proto::lease::watch`] decides, from readings of the heartbeats and this process's own monotonic clock alone; this reads the
//! rows and acts. Invariant: an outage of the store is never taken for the silence of a runner.

use bus::Hint;
use proto::lease::LeaseTimings;
use proto::lease::watch::{Reading, Watch};
use store::RunnerRow;
use tokio_util::sync::CancellationToken;

use crate::leadership::Leadership;
use crate::service::Deps;

/// Passes per heartbeat interval: a change is seen soon after it happened, so that the silence is measured exactly.
const PASSES_PER_HEARTBEAT: u32 = 3;

/// Runners called at once to take over: more than have a free slot for it find nothing.
const CALLS_MAX: usize = 16;

/// Runs passes until the soft stop.
pub(crate) async fn run(
    deps: Deps,
    leadership: Leadership,
    timings: LeaseTimings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let passes = async {
        let mut reaper = Reaper::new(deps, leadership, timings);
        loop {
            if let Err(error) = reaper.tick().await {
                reaper.deps.metrics.passes_failed.inc();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "reaper failed; it watches anew"
                );
            }
            tokio::time::sleep(timings.heartbeat / PASSES_PER_HEARTBEAT).await;
        }
    };
    stop.run_until_cancelled(passes).await;
    Ok(())
}

/// What the reaper remembers between passes; all of it may be lost at any time.
pub(crate) struct Reaper {
    deps: Deps,
    leadership: Leadership,
    watch: Watch,
}

impl Reaper {
    pub(crate) fn new(deps: Deps, leadership: Leadership, timings: LeaseTimings) -> Self {
        Self {
            deps,
            leadership,
            watch: Watch::new(timings),
        }
    }

    /// One pass: reads all heartbeats, declares dead who has been silent for too long. Who does not lead watches as well,
    /// so that a new leader need not begin to count.
    pub(crate) async fn tick(&mut self) -> store::Result<()> {
        let pass = self.pass().await;
        if pass.is_err() {
            // Nobody could have moved a heartbeat while the store was away.
            self.watch.forget();
        }
        pass
    }

    async fn pass(&mut self) -> store::Result<()> {
        let asked = self.deps.clock.monotonic();
        let rows = self.deps.store.runners().await?;
        let answered = self.deps.clock.monotonic();
        let living: Vec<_> = rows.iter().filter(|row| !row.dead).collect();
        let silent = self.watch.read(living.iter().map(|row| reading(row)), asked, answered);
        if !self.leadership.leads() {
            return Ok(());
        }
        for silent in living.into_iter().filter(|row| silent.contains(&row.runner)) {
            // One that cannot be freed now is found again by the next pass; the others do not wait for it.
            if let Err(error) = self.declare_dead(silent).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(runner.id = %silent.runner, error, "a silent runner could not be declared dead yet");
            }
        }
        Ok(())
    }

    async fn declare_dead(&self, silent: &RunnerRow) -> store::Result<()> {
        // Takes effect only if the heartbeat still stands where it was read.
        let freed = self.deps.store.declare_dead(silent, self.deps.clock.now()).await?;
        if freed.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            runner.id = %silent.runner,
            runner.incarnation = %silent.incarnation,
            groups = freed.len(),
            "runner declared dead; its groups are free"
        );
        self.deps.metrics.groups_freed.inc_by(freed.len() as u64);
        // One runner hears each: as many are called as may be needed.
        for _ in 0..freed.len().min(CALLS_MAX) {
            self.deps.hints.publish(Hint::Ready { runner: None });
        }
        Ok(())
    }
}

fn reading(row: &RunnerRow) -> Reading {
    Reading {
        runner: row.runner.clone(),
        incarnation: row.incarnation,
        heartbeat: row.heartbeat,
    }
}
