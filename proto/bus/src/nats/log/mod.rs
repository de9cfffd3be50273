//! The stream of accepted messages as a log: read in order per partition, purged once indexed.
//!
//! A reader is an ephemeral consumer that acknowledges nothing: where reading goes on is in the database. It knows by
//! the consumer's own count whether a message is missing, and then ends, so that whoever reads opens another one at the
//! cursor.

mod payload;
mod reader;

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull::Config as ConsumerSettings;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, ReplayPolicy};
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use async_trait::async_trait;
use proto::time::Timestamp;

use super::link::LinkReader;
use super::subjects::Subjects;
use crate::{Log, LogReader, LogState, LogUnavailable, Waiting};
pub(super) use payload::encode;
use reader::NatsLogReader;

/// How long the server keeps a consumer nobody reads from: a reader that lost its connection for longer opens another.
const CONSUMER_KEPT: Duration = Duration::from_secs(30);

/// The log over JetStream.
pub struct NatsLog {
    subjects: Subjects,
    link: LinkReader,
}

impl NatsLog {
    pub(super) fn new(subjects: Subjects, link: LinkReader) -> Self {
        Self { subjects, link }
    }

    fn jetstream(&self) -> Result<Context, LogUnavailable> {
        self.link.stream().map_err(unavailable)
    }

    async fn stream(&self) -> Result<Stream, LogUnavailable> {
        self.jetstream()?
            .get_stream(self.subjects.stream())
            .await
            .map_err(|error| {
                self.link.doubt_stream();
                unavailable(error)
            })
    }

    fn consumer(&self, partition: u32, after: u64) -> ConsumerSettings {
        ConsumerSettings {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: after + 1,
            },
            filter_subject: self.subjects.partition(partition),
            ack_policy: AckPolicy::None,
            replay_policy: ReplayPolicy::Instant,
            max_deliver: 1,
            inactive_threshold: CONSUMER_KEPT,
            num_replicas: 1,
            memory_storage: true,
            ..ConsumerSettings::default()
        }
    }
}

fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> LogUnavailable {
    LogUnavailable(error.into())
}

#[async_trait]
impl Log for NatsLog {
    async fn state(&self) -> Result<LogState, LogUnavailable> {
        let stream = self.stream().await?;
        let info = stream.cached_info();
        Ok(LogState {
            identity: format!("{}@{}", info.config.name, info.created.unix_timestamp_nanos()),
            last_sequence: info.state.last_sequence,
        })
    }

    async fn waiting(&self, partition: u32, after: u64) -> Result<Option<Waiting>, LogUnavailable> {
        let stream = self
            .jetstream()?
            .get_stream_no_info(self.subjects.stream())
            .await
            .map_err(unavailable)?;
        let found = stream
            .direct_get_next_for_subject(self.subjects.partition(partition), Some(after + 1))
            .await;
        match found {
            Ok(message) => Ok(Some(Waiting {
                sequence: message.sequence,
                since: timestamp(message.time),
            })),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn read(&self, partition: u32, after: u64) -> Result<Box<dyn LogReader>, LogUnavailable> {
        let stream = self
            .jetstream()?
            .get_stream_no_info(self.subjects.stream())
            .await
            .map_err(unavailable)?;
        let consumer: PullConsumer =
            stream
                .create_consumer(self.consumer(partition, after))
                .await
                .map_err(|error| {
                    self.link.doubt_stream();
                    unavailable(error)
                })?;
        let reader = NatsLogReader::open(&consumer, self.subjects.clone(), partition).await?;
        Ok(Box::new(reader))
    }

    async fn purge(&self, partition: u32, through: u64) -> Result<(), LogUnavailable> {
        let stream = self
            .jetstream()?
            .get_stream_no_info(self.subjects.stream())
            .await
            .map_err(unavailable)?;
        // JetStream purges up to, but not including, the sequence it is given.
        let purge = stream
            .purge()
            .filter(self.subjects.partition(partition))
            .sequence(through + 1);
        purge.await.map(drop).map_err(unavailable)
    }
}

fn timestamp(time: async_nats::datetime::DateTime) -> Timestamp {
    let millis = time.unix_timestamp_nanos() / 1_000_000;
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
