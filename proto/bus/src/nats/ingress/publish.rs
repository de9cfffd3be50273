//! Publishing one message until its outcome is known.

use std::time::Duration;

use async_nats::client::Request;
use async_nats::jetstream::Context;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::{RequestError, RequestErrorKind};

use super::Refusal;
use super::job::Job;
use crate::Accepted;
use crate::nats::connect::chain;
use crate::nats::link::LinkReader;

/// Time for one acknowledgement. A good one takes a millisecond, one that needs a new stream leader some seconds: three
/// tries fit into a caller's patience.
pub(super) const ACK_WAIT: Duration = Duration::from_millis(750);
/// Wait after a refusal that may pass at once (a stream without a leader).
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest wait between two tries of a message nobody waits for any more.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What to do when there is no room.
const FULL: &str = ". What gateways have indexed is removed, so either they do not (see their /readyz), or NATS has too little \
                    room: its disk, max_file_store, the limit of its account or nats.max_mb";

/// What one try told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Try {
    /// It is in the stream.
    Acknowledged(Accepted),
    /// This try did not put it there, and the next may.
    NotNow(Refusal),
    /// The stream does not take it; somebody must do something.
    Refused(Refusal),
    /// It may be in the stream.
    Unknown,
}

/// Publishes a message until it is acknowledged, or known not to be in the stream while nobody waits for it.
pub(super) async fn publish(mut job: Job, mut link: LinkReader, on_refusal: impl Fn(&Refusal)) -> Job {
    let mut pause = PAUSE_MIN;
    loop {
        let Some(jetstream) = connected(&mut job, &mut link).await else {
            return job;
        };
        let outcome = attempt(&jetstream, &job).await;
        match &outcome {
            Try::Acknowledged(accepted) => {
                job.answer(Ok(*accepted));
                return job;
            }
            Try::NotNow(_) => link.doubt_stream(),
            Try::Refused(refusal) => {
                on_refusal(refusal);
                job.answer(Err(refusal.clone()));
            }
            // A copy may still reach the stream, from a connection or a leader that is gone: what comes next waits until
            // the stream has this one for certain, and knows the copy by its id.
            Try::Unknown => job.is_in_doubt = true,
        }
        if !job.is_in_doubt && !job.is_awaited() {
            return job;
        }
        if outcome != Try::Unknown {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// JetStream, once the stream can be used; `None` when nobody waits any more for what was never sent.
async fn connected(job: &mut Job, link: &mut LinkReader) -> Option<Context> {
    if job.is_in_doubt {
        return Some(link.stream_ready().await);
    }
    tokio::select! {
        jetstream = link.stream_ready() => job.is_awaited().then_some(jetstream),
        () = job.abandoned() => None,
    }
}

pub(super) async fn attempt(jetstream: &Context, job: &Job) -> Try {
    let request = Request::new()
        .headers(job.headers.clone())
        .payload(job.payload.clone())
        .timeout(Some(ACK_WAIT));
    let client = jetstream.client();
    // The whole of it, since a client that is cut off takes no more commands after a while.
    match tokio::time::timeout(ACK_WAIT, client.send_request(job.subject.clone(), request)).await {
        Ok(Ok(message)) => read_answer(&message.payload),
        Ok(Err(error)) => read_error(&error),
        Err(_) => Try::Unknown,
    }
}

fn read_answer(payload: &[u8]) -> Try {
    match serde_json::from_slice::<Response<PublishAck>>(payload) {
        Ok(Response::Ok(ack)) => Try::Acknowledged(Accepted {
            is_new: !ack.duplicate,
            log_sequence: Some(ack.sequence),
        }),
        Ok(Response::Err { error }) => {
            let advice = match error.error_code() {
                ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::STREAM_STORE_FAILED => FULL,
                _ => "",
            };
            let refusal = Refusal::Refused(format!("{error}{advice}"));
            match error.error_code() {
                ErrorCode::CLUSTER_NOT_AVAILABLE
                | ErrorCode::CLUSTER_NOT_LEADER
                | ErrorCode::STREAM_TOO_MANY_REQUESTS
                | ErrorCode::STREAM_OFFLINE
                // Another copy of it is on its way through the cluster.
                | ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => Try::NotNow(refusal),
                _ => Try::Refused(refusal),
            }
        }
        // Something answers that is not JetStream.
        Err(error) => Try::NotNow(Refusal::Refused(format!("the answer is not JetStream's: {error}"))),
    }
}

fn read_error(error: &RequestError) -> Try {
    match error.kind() {
        RequestErrorKind::NoResponders => Try::NotNow(Refusal::Refused("no stream takes the subject".to_owned())),
        RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
            Try::Refused(Refusal::Refused(chain(error)))
        }
        RequestErrorKind::TimedOut | RequestErrorKind::Other => Try::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_acknowledgement_says_is_understood() {
        let acknowledged = |is_new| {
            Try::Acknowledged(Accepted {
                is_new,
                log_sequence: Some(7),
            })
        };
        assert_eq!(read_answer(br#"{"stream":"CLAWHOLD_IN","seq":7}"#), acknowledged(true));
        assert_eq!(
            read_answer(br#"{"stream":"CLAWHOLD_IN","seq":7,"duplicate":true}"#),
            acknowledged(false)
        );
    }

    #[test]
    fn a_full_stream_is_a_refusal_and_a_missing_leader_is_not() {
        let full = br#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}"#;
        assert!(matches!(read_answer(full), Try::Refused(Refusal::Refused(text)) if text.contains("maximum bytes")));
        let leaderless =
            br#"{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}"#;
        assert!(matches!(read_answer(leaderless), Try::NotNow(_)));
    }
}
