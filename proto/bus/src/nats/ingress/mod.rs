//! The way in: an envelope is published to its group's subject and acknowledged by JetStream.
//!
//! Invariant: of each group one message at most has been handed to the server without its outcome being known, and
//! nothing of the group is published before that is known. So no retry overtakes its successor, whoever waits or has
//! stopped waiting: the publisher owns a message from the moment it is first sent until it is acknowledged.

mod flight;
mod job;
mod message_id;
mod publish;
mod publisher;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::inbound::Envelope;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::link::LinkReader;
use super::subjects::Subjects;
use crate::{Accepted, Ingress, IngressError};
use job::Job;
pub(super) use publisher::Publisher;

/// How long a caller waits: within what a gateway gives its platform (2.5 s), so that the reason gets through.
const PATIENCE: Duration = Duration::from_millis(2_250);
/// Messages that may wait for their acknowledgement at once: an outage of some seconds at hundreds of messages a second.
const WAITING_MAX: usize = 4_096;
/// Bytes of them.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a message was not accepted now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "NATS did not acknowledge the message in time; if it answers otherwise, see its /healthz: one whose disk was full must be restarted"
    )]
    Unacknowledged,
    #[error(transparent)]
    Down(#[from] super::Problem),
    #[error("too many messages wait for NATS already")]
    Busy,
    #[error("too many messages of this group wait for NATS already")]
    GroupBusy,
    #[error("JetStream refused the message: {0}")]
    Refused(String),
    #[error("the message has {bytes} bytes as it travels, more than the {max} that NATS takes")]
    TooLarge { bytes: usize, max: usize },
    #[error("the message cannot be written as JSON: {0}")]
    Unwritable(String),
}

/// Publishes accepted messages.
pub struct NatsIngress {
    subjects: Subjects,
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    link: LinkReader,
}

/// The ingress and the publisher that serves it.
pub(super) fn pair(subjects: Subjects, link: LinkReader) -> (NatsIngress, Publisher) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let ingress = NatsIngress {
        subjects,
        jobs: sender,
        room: Arc::new(Semaphore::new(WAITING_BYTES_MAX)),
        link: link.clone(),
    };
    (ingress, Publisher::new(receiver, link, WAITING_MAX))
}

impl NatsIngress {
    async fn publish(&self, envelope: &Envelope) -> Result<Accepted, Refusal> {
        let (answer, answered) = oneshot::channel();
        let job = Job::new(envelope, &self.subjects, &self.room, answer)?;
        self.jobs.try_send(job).map_err(|_| Refusal::Busy)?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            // The driver ended.
            Ok(Err(_)) => Err(Refusal::Down(super::Problem::Stopping)),
            Err(_) => Err(match self.link.stream() {
                Ok(_) => Refusal::Unacknowledged,
                Err(problem) => Refusal::Down(problem),
            }),
        }
    }
}

#[async_trait]
impl Ingress for NatsIngress {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        self.publish(&envelope).await.map_err(|refusal| match refusal {
            Refusal::TooLarge { bytes, .. } => IngressError::TooLarge { bytes },
            other => IngressError::Unavailable(Box::new(other)),
        })
    }
}
