//! From the log of accepted messages into the inboxes of their groups (design §4.1, step 3).
//!
//! Every gateway may index every partition; the compare-and-set on a partition's cursor makes each batch count once and in
//! order, whoever does it and however often. So nobody is elected: who is overtaken stands by, and takes a partition up
//! again when its cursor stands still while messages wait. One gateway then reads a partition, the others look at it twice
//! a second, and a dead one is replaced within about a second.
//!
//! Invariants: what is purged from the log is committed in the store; a log that is not the one the cursors speak of starts
//! another generation, and dedup keys swallow what was in already. Hints follow the commit and may be lost.

mod decide;
mod metrics;
mod partition;
mod problems;
mod watchman;

use std::sync::Arc;

use bus::{Hints, Log};
use proto::ingest::PARTITIONS;
use proto::time::Clock;
use service::random::Random;
use service::readiness::Condition;
use store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use metrics::IndexerMetrics;
use partition::PartitionLoop;
use problems::Problems;
use watchman::Watchman;

/// What the indexer works with.
#[derive(Clone)]
pub struct IndexerDeps {
    /// Where messages go.
    pub store: Arc<dyn Store>,
    /// Where they come from.
    pub log: Arc<dyn Log>,
    /// Who is told.
    pub hints: Arc<dyn Hints>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub random: Random,
    /// What became of it.
    pub metrics: IndexerMetrics,
}

/// The indexer of one gateway.
pub struct Indexer {
    partitions: Vec<PartitionLoop>,
    watchman: Watchman,
    problems: Problems,
}

impl Indexer {
    /// An indexer that has not begun.
    pub fn new(deps: IndexerDeps) -> Self {
        let (views, seen) = watch::channel(None);
        let partitions = (0..PARTITIONS).map(|partition| PartitionLoop::new(deps.clone(), partition, seen.clone()));
        Self {
            partitions: partitions.collect(),
            watchman: Watchman::new(deps, views),
            problems: Problems::default(),
        }
    }

    /// Indexes until told to stop. `ready` says what is wrong, and how far behind it is.
    pub async fn run(self, ready: Condition, stop: CancellationToken) {
        let problems = &self.problems;
        let partitions = self.partitions.into_iter().map(|partition| partition.run(problems));
        tokio::select! {
            () = stop.cancelled() => {}
            _ = futures::future::join_all(partitions) => {}
            () = self.watchman.run(problems, ready) => {}
        }
    }
}

#[cfg(test)]
mod tests;
