//! One message on its way to the stream.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;
use proto::ids::GroupId;
use proto::inbound::Envelope;
use proto::ingest::partition_of;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Refusal;
use super::message_id::message_id;
use crate::Accepted;
use crate::nats::log::encode;
use crate::nats::stream::MESSAGE_BYTES_MAX;
use crate::nats::subjects::Subjects;

/// Carries the trace (W3C Trace Context).
const TRACE_HEADER: &str = "traceparent";
/// Room for the headers within the largest message.
const HEADER_BYTES_MAX: usize = 1024;

/// A message, ready to be sent as often as it takes, and whoever waits for it.
pub(super) struct Job {
    pub(super) group: GroupId,
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    /// A try was made whose outcome is not known: it may be in the stream, or still get there.
    pub(super) is_in_doubt: bool,
    answer: Option<oneshot::Sender<Result<Accepted, Refusal>>>,
    _room: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new(
        envelope: &Envelope,
        subjects: &Subjects,
        room: &Arc<Semaphore>,
        answer: oneshot::Sender<Result<Accepted, Refusal>>,
    ) -> Result<Self, Refusal> {
        let payload = encode(envelope).map_err(|error| Refusal::Unwritable(error.to_string()))?;
        let max = MESSAGE_BYTES_MAX - HEADER_BYTES_MAX;
        if payload.len() > max {
            return Err(Refusal::TooLarge {
                bytes: payload.len(),
                max,
            });
        }
        let bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(room)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Refusal::Busy)?;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, message_id(&envelope.dedup_key));
        if let Some(trace) = &envelope.trace {
            headers.insert(TRACE_HEADER, trace.as_str());
        }
        Ok(Self {
            group: envelope.group.clone(),
            subject: subjects.message(partition_of(&envelope.group), &envelope.group),
            headers,
            payload: payload.into(),
            is_in_doubt: false,
            answer: Some(answer),
            _room: room,
        })
    }

    /// Whether whoever waited was told.
    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_none()
    }

    /// Whether somebody still waits for the answer.
    pub(super) fn is_awaited(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }

    /// Tells whoever waits; the first answer counts.
    pub(super) fn answer(&mut self, result: Result<Accepted, Refusal>) {
        if let Some(answer) = self.answer.take() {
            // An error means that nobody waits any more.
            let _ = answer.send(result);
        }
    }

    /// Waits until nobody waits.
    pub(super) async fn abandoned(&mut self) {
        if let Some(answer) = &mut self.answer {
            answer.closed().await;
        }
    }
}
