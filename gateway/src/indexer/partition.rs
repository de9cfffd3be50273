//! One partition: reads the log after the cursor and commits batch by batch, or stands by while another gateway does.

use std::sync::Arc;
use std::time::Duration;

use bus::{LogReader, LogUnavailable};
use proto::ingest::{Indexed, PARTITIONS, PartitionCursor};
use tokio::sync::watch;

use super::IndexerDeps;
use super::decide::{Look, backoff, batch, hints, is_stuck};
use super::problems::Problems;

/// Messages of one transaction (design §4.1).
const BATCH_MAX: usize = 200;
/// How long a batch waits for company (design §4.1).
const LINGER: Duration = Duration::from_millis(3);
/// Longest pass without any message.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all partitions looked like, as the watchman saw them.
pub(super) type View = Option<Arc<Vec<Look>>>;

/// Indexes one partition.
pub(super) struct PartitionLoop {
    deps: IndexerDeps,
    partition: u32,
    views: watch::Receiver<View>,
    role: Role,
}

enum Role {
    /// It must find out where it stands.
    Closed,
    /// It moves the cursor.
    Active {
        reader: Box<dyn LogReader>,
        cursor: PartitionCursor,
    },
    /// Another gateway does, as far as is known.
    Standby { before: Option<Look> },
}

/// What a pass brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticked {
    /// Messages were taken in.
    Indexed,
    /// There was nothing to do.
    Nothing,
    /// Another gateway had done it.
    Overtaken,
    /// The log is not the one that was indexed so far.
    Restarted,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Log(#[from] LogUnavailable),
    #[error("the log was replaced while it was being opened")]
    Replaced,
    #[error("the store knows no partition {0}")]
    NoSuchPartition(u32),
}

impl PartitionLoop {
    pub(super) fn new(deps: IndexerDeps, partition: u32, views: watch::Receiver<View>) -> Self {
        Self {
            deps,
            partition,
            views,
            role: Role::Closed,
        }
    }

    /// Passes for ever, with growing waits where they fail.
    pub(super) async fn run(mut self, problems: &Problems) {
        let mut failures = 0;
        loop {
            match self.tick(PATIENCE).await {
                Ok(_) => {
                    failures = 0;
                    problems.clear(self.partition);
                }
                Err(failure) => {
                    failures += 1;
                    problems.note(self.partition, &failure);
                    tokio::time::sleep(backoff(failures, (self.deps.random)())).await;
                }
            }
        }
    }

    /// One pass: at most one batch. Waits at most `patience` for something to do.
    ///
    /// # Errors
    /// [`Failure`]; the next pass begins anew at the cursor, so a commit in doubt is either found done or done again.
    pub(super) async fn tick(&mut self, patience: Duration) -> Result<Ticked, Failure> {
        match std::mem::replace(&mut self.role, Role::Closed) {
            Role::Closed => match self.open().await? {
                Some((reader, cursor)) => self.index(reader, cursor, patience).await,
                None => Ok(Ticked::Restarted),
            },
            Role::Active { reader, cursor } => self.index(reader, cursor, patience).await,
            Role::Standby { before } => Ok(self.stand_by(before, patience).await),
        }
    }

    /// Opens the log at the cursor; `None` when that had to be moved to the start of another generation first.
    async fn open(&mut self) -> Result<Option<(Box<dyn LogReader>, PartitionCursor)>, Failure> {
        let IndexerDeps { store, log, .. } = &self.deps;
        let before = log.state().await?;
        let known = store.partition_cursors().await?.into_iter().next();
        let cursors = store.adopt_log(&before.identity, PARTITIONS).await?;
        let cursor = self.own(&cursors)?;
        if let Some(known) = known
            && known.generation != cursor.generation
        {
            tracing::error!(
                log.identity = before.identity,
                generation = cursor.generation,
                "the log of accepted messages is another one than before: what the old one held and nobody had indexed \
                 is lost unless the platforms send it again; the new one is indexed from its beginning"
            );
        }
        let reader = log.read(self.partition, cursor.through).await?;
        // After the reader, which ends with its log: the cursor and the reader speak of the same one.
        let after = log.state().await?;
        if after.identity != before.identity {
            return Err(Failure::Replaced);
        }
        if after.last_sequence < cursor.through {
            tracing::error!(
                log.identity = after.identity,
                log.last_sequence = after.last_sequence,
                partition = self.partition,
                cursor.through,
                "the log of accepted messages has lost messages that were indexed already, as a restored backup has: it is \
                 indexed again from its beginning, and what is known by its dedup key is skipped"
            );
            store.restart_log(&cursor).await?;
            return Ok(None);
        }
        Ok(Some((reader, cursor)))
    }

    async fn index(
        &mut self,
        mut reader: Box<dyn LogReader>,
        cursor: PartitionCursor,
        patience: Duration,
    ) -> Result<Ticked, Failure> {
        let Ok(records) = tokio::time::timeout(patience, reader.next(BATCH_MAX, LINGER)).await else {
            self.role = Role::Active { reader, cursor };
            return Ok(Ticked::Nothing);
        };
        let Some(batch) = batch(cursor, records?) else {
            self.role = Role::Active { reader, cursor };
            return Ok(Ticked::Nothing);
        };
        let begin = self.deps.clock.monotonic();
        match self.deps.store.index_batch(&batch, self.deps.clock.now()).await? {
            Indexed::Done(report) => {
                service::crash_point!("index.committed");
                self.deps
                    .metrics
                    .observe_batch(self.deps.clock.monotonic().since(begin));
                self.deps.metrics.count(&report);
                for hint in hints(report) {
                    self.deps.hints.publish(hint);
                }
                let cursor = PartitionCursor {
                    through: batch.through,
                    ..cursor
                };
                self.role = Role::Active { reader, cursor };
                Ok(Ticked::Indexed)
            }
            Indexed::Overtaken => {
                self.deps.metrics.count_overtaken();
                self.role = Role::Standby { before: None };
                Ok(Ticked::Overtaken)
            }
        }
    }

    /// Looks whether the partition is being worked on; two looks decide.
    async fn stand_by(&mut self, before: Option<Look>, patience: Duration) -> Ticked {
        self.role = Role::Standby { before };
        match tokio::time::timeout(patience, self.views.changed()).await {
            Ok(Ok(())) => {}
            // No news, or nobody who brings any.
            Ok(Err(_)) | Err(_) => return Ticked::Nothing,
        }
        let now = self
            .views
            .borrow_and_update()
            .as_ref()
            .and_then(|view| view.get(self.partition as usize).copied());
        self.role = match (before, now) {
            (Some(before), Some(now)) if is_stuck(&before, &now) => {
                tracing::debug!(
                    partition = self.partition,
                    "nobody indexes this partition; taking it up"
                );
                Role::Closed
            }
            (_, now) => Role::Standby { before: now },
        };
        Ticked::Nothing
    }

    fn own(&self, cursors: &[PartitionCursor]) -> Result<PartitionCursor, Failure> {
        let own = cursors.iter().find(|cursor| cursor.partition == self.partition);
        own.copied().ok_or(Failure::NoSuchPartition(self.partition))
    }

    /// Whether it stands by.
    #[cfg(test)]
    pub(super) fn stands_by(&self) -> bool {
        matches!(self.role, Role::Standby { .. })
    }
}
