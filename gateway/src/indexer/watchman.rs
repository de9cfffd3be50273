//! Looks at all partitions at once: for those who stand by, for the metrics, and to purge what is indexed.

use std::sync::Arc;
use std::time::Duration;

use bus::LogUnavailable;
use proto::ingest::{PARTITIONS, PartitionCursor};
use proto::time::Monotonic;
use service::readiness::Condition;
use tokio::sync::watch;

use super::IndexerDeps;
use super::decide::{Look, backoff};
use super::partition::View;
use super::problems::{Problems, WATCHMAN};

/// Time between two looks; two of them are enough to take a partition up within about a second.
const LOOK: Duration = Duration::from_millis(500);
/// Time between two purges, as long as little is indexed: purging late costs the server's disk.
const PURGE: Duration = Duration::from_secs(30);
/// Messages of the log behind which a cursor is purged at once. What is indexed counts against what one group may have in the
/// log until it is purged: this is far below that, and some looks away from it.
const PURGE_BEHIND: u64 = 2_000;
/// A lag that a person should know of.
const LAG_MAX: Duration = Duration::from_secs(30);

/// Looks after the indexer.
pub(super) struct Watchman {
    deps: IndexerDeps,
    views: watch::Sender<View>,
    /// Cursors up to which this gateway purged.
    purged: Vec<PartitionCursor>,
    purged_at: Option<Monotonic>,
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Log(#[from] LogUnavailable),
}

impl Watchman {
    pub(super) fn new(deps: IndexerDeps, views: watch::Sender<View>) -> Self {
        Self {
            deps,
            views,
            purged: Vec::new(),
            purged_at: None,
        }
    }

    /// Looks for ever, and reports.
    pub(super) async fn run(mut self, problems: &Problems, ready: Condition) {
        let mut failures = 0;
        let mut lag = Duration::ZERO;
        loop {
            let wait = match self.tick().await {
                Ok(now) => {
                    (failures, lag) = (0, now);
                    problems.clear(WATCHMAN);
                    LOOK.mul_f64(0.75 + (self.deps.random)() / 2.0)
                }
                Err(failure) => {
                    failures += 1;
                    problems.note(WATCHMAN, &failure);
                    backoff(failures, (self.deps.random)())
                }
            };
            report(&ready, problems.first(), lag);
            tokio::time::sleep(wait).await;
        }
    }

    /// One look, and a purge when it is time. Returns the age of the oldest message that waits.
    pub(super) async fn tick(&mut self) -> Result<Duration, Failure> {
        let IndexerDeps { store, log, .. } = &self.deps;
        let cursors = store.partition_cursors().await?;
        let waiting = cursors
            .iter()
            .map(|cursor| log.waiting(cursor.partition, cursor.through));
        let waiting = futures::future::try_join_all(waiting).await?;
        let looks: Vec<_> = cursors
            .iter()
            .zip(waiting)
            .map(|(cursor, waiting)| Look {
                cursor: *cursor,
                waiting,
            })
            .collect();
        let now = self.deps.clock.now();
        let ages = looks
            .iter()
            .filter_map(|look| look.waiting)
            .map(|waiting| now.since(waiting.since));
        let lag = ages.max().unwrap_or_default();
        self.deps.metrics.set_lag(lag);
        self.views.send_replace(Some(Arc::new(looks)));
        self.purge(&cursors).await?;
        Ok(lag)
    }

    /// Removes from the log what is committed, when it is time or much.
    async fn purge(&mut self, seen: &[PartitionCursor]) -> Result<(), Failure> {
        let now = self.deps.clock.monotonic();
        let is_time = self.purged_at.is_none_or(|at| now.since(at) >= PURGE);
        if !is_time && !seen.iter().any(|cursor| self.behind(cursor) >= PURGE_BEHIND) {
            return Ok(());
        }
        let IndexerDeps { store, log, .. } = &self.deps;
        // Cursors that speak of another log, or of what this one has lost, would remove what nobody has read.
        let state = log.state().await?;
        let cursors = store.adopt_log(&state.identity, PARTITIONS).await?;
        if cursors.iter().any(|cursor| cursor.through > state.last_sequence) {
            return Ok(());
        }
        for cursor in cursors
            .iter()
            .filter(|cursor| cursor.through > 0 && !self.purged.contains(cursor))
        {
            log.purge(cursor.partition, cursor.through).await?;
        }
        self.purged = cursors;
        self.purged_at = Some(now);
        Ok(())
    }

    /// How far a cursor moved since the last purge, in messages of the log: no fewer than those of its partition.
    fn behind(&self, cursor: &PartitionCursor) -> u64 {
        let same =
            |purged: &&PartitionCursor| purged.partition == cursor.partition && purged.generation == cursor.generation;
        let purged = self.purged.iter().find(same).map_or(0, |purged| purged.through);
        cursor.through.saturating_sub(purged)
    }
}

fn report(ready: &Condition, problem: Option<String>, lag: Duration) {
    let seconds = lag.as_secs();
    match problem {
        Some(problem) => ready.degraded(format!(
            "accepted messages are not indexed ({problem}); the oldest has waited for {seconds} s"
        )),
        None if lag >= LAG_MAX => ready.degraded(format!(
            "the indexer is behind: the oldest accepted message has waited for {seconds} s"
        )),
        None => ready.ok(),
    }
}
