//! The log of accepted messages, as the indexer reads it: partitions, each in order, from any position.

use std::time::Duration;

use async_trait::async_trait;
use proto::ingest::LogRecord;
use proto::time::Timestamp;

/// Why the log cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("the log of accepted messages cannot be reached")]
pub struct LogUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What the log is like now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Tells this log from one that was made anew under the same name.
    pub identity: String,
    /// Sequence of the newest message; 0 when there was none yet.
    pub last_sequence: u64,
}

/// A message that is not indexed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its sequence.
    pub sequence: u64,
    /// When the log took it.
    pub since: Timestamp,
}

/// A log that holds what was accepted until it is indexed.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// What it is like now.
    async fn state(&self) -> Result<LogState, LogUnavailable>;
    /// The oldest message of a partition after this sequence: how far the indexer is behind.
    async fn waiting(&self, partition: u32, after: u64) -> Result<Option<Waiting>, LogUnavailable>;
    /// Reads a partition from the message after this sequence on.
    async fn read(&self, partition: u32, after: u64) -> Result<Box<dyn LogReader>, LogUnavailable>;
    /// Removes what a partition holds up to and including this sequence: it is indexed.
    async fn purge(&self, partition: u32, through: u64) -> Result<(), LogUnavailable>;
}

/// Reads one partition in order.
#[async_trait]
pub trait LogReader: Send {
    /// The next messages in order: waits for the first, then takes what comes within `linger`, at most `limit`. It may
    /// return earlier when nothing more is there. An error ends the reader: open another one. Cancel-safe: what was not returned is returned by the next call.
    async fn next(&mut self, limit: usize, linger: Duration) -> Result<Vec<LogRecord>, LogUnavailable>;
}
