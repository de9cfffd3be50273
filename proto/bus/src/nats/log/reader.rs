//! Reads one partition through an ephemeral consumer.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Stream as Messages;
use async_trait::async_trait;
use futures::StreamExt;
use proto::ingest::LogRecord;
use tokio::time::Instant;

use super::payload::decode;
use super::unavailable;
use crate::nats::subjects::Subjects;
use crate::{LogReader, LogUnavailable};

/// Messages asked for ahead: a whole batch of the indexer while it commits the one before.
const AHEAD: usize = 200;
/// Bytes asked for ahead: some of the largest messages.
const AHEAD_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of messages returned at once, however many are asked for.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// An idle consumer says this often that it is there; after two of these without a word the reader ends.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long one request for messages stands at the server.
const REQUEST_EXPIRES: Duration = Duration::from_secs(30);

pub(super) struct NatsLogReader {
    messages: Messages,
    subjects: Subjects,
    partition: u32,
    /// Messages the consumer has sent.
    received: u64,
    buffer: Vec<LogRecord>,
    buffer_bytes: usize,
    /// Whether the server had more when it sent the last one.
    more: bool,
    /// Why nothing more comes.
    ended: Option<String>,
}

impl NatsLogReader {
    pub(super) async fn open(
        consumer: &PullConsumer,
        subjects: Subjects,
        partition: u32,
    ) -> Result<Self, LogUnavailable> {
        let messages = consumer
            .stream()
            .max_messages_per_batch(AHEAD)
            .max_bytes_per_batch(AHEAD_BYTES)
            .heartbeat(HEARTBEAT)
            .expires(REQUEST_EXPIRES)
            .messages()
            .await
            .map_err(unavailable)?;
        Ok(Self {
            messages,
            subjects,
            partition,
            received: 0,
            buffer: Vec::new(),
            buffer_bytes: 0,
            more: false,
            ended: None,
        })
    }

    /// Waits for a message and keeps it. Cancel-safe: a message is kept in the same step in which it comes.
    async fn receive(&mut self) {
        let problem = match self.messages.next().await {
            Some(Ok(message)) => match self.keep(&message) {
                Ok(()) => return,
                Err(problem) => problem,
            },
            Some(Err(error)) => crate::nats::connect::chain(&error),
            None => "the consumer's messages ended".to_owned(),
        };
        self.ended = Some(problem);
    }

    fn keep(&mut self, message: &Message) -> Result<(), String> {
        let info = message.info().map_err(|error| error.to_string())?;
        if info.consumer_sequence != self.received + 1 {
            return Err(format!(
                "the consumer sent its message {} after its message {}",
                info.consumer_sequence, self.received
            ));
        }
        self.received = info.consumer_sequence;
        self.more = info.pending > 0;
        self.buffer_bytes += message.payload.len();
        self.buffer.push(LogRecord {
            sequence: info.stream_sequence,
            content: decode(&self.subjects, self.partition, &message.subject, &message.payload),
        });
        Ok(())
    }

    fn is_full(&self, limit: usize) -> bool {
        self.buffer.len() >= limit || self.buffer_bytes >= BATCH_BYTES_MAX || self.ended.is_some()
    }
}

#[async_trait]
impl LogReader for NatsLogReader {
    async fn next(&mut self, limit: usize, linger: Duration) -> Result<Vec<LogRecord>, LogUnavailable> {
        if self.buffer.is_empty() && self.ended.is_none() {
            self.receive().await;
        }
        let until = Instant::now() + linger;
        // Where the server has nothing more, waiting would only delay what is there.
        while self.more && !self.is_full(limit) {
            if tokio::time::timeout_at(until, self.receive()).await.is_err() {
                break;
            }
        }
        match &self.ended {
            Some(problem) if self.buffer.is_empty() => Err(unavailable(problem.clone())),
            _ => {
                let taken = self.buffer.len().min(limit);
                self.buffer_bytes = 0;
                Ok(self.buffer.drain(..taken).collect())
            }
        }
    }
}
