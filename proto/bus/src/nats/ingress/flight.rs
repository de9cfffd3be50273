//! The first try of messages at once. Many are one atomic batch (ADR-50 of NATS), and so one flush to disk for all of them.
//!
//! A server that flushes every message alone takes about a thousand a second; while one flight is under way, what comes in
//! waits for the next. Whatever a flight leaves open is decided message by message: the stream knows each by its id, and
//! refuses a batch whole that has one it knows.

use async_nats::HeaderMap;
use async_nats::client::Request;
use async_nats::header::{NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE};
use async_nats::jetstream::Context;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use futures::future::join_all;

use super::job::Job;
use super::publish::{ACK_WAIT, Try, attempt};
use crate::Accepted;

/// Messages of one batch: half of what servers take.
pub(super) const MESSAGES_MAX: usize = 500;
/// Up to so many messages are published side by side and not as a batch, for which the server makes files of its own.
const FEW: usize = 3;
/// Bytes of one batch: the server keeps it in memory until it is whole.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Publishes the messages, each of another group, and answers those that are in the stream. Returns all of them.
pub(super) async fn fly(jetstream: Context, mut jobs: Vec<Job>) -> Vec<Job> {
    if jobs.len() <= FEW {
        join_all(jobs.iter_mut().map(|job| fly_alone(&jetstream, job))).await;
        return jobs;
    }
    match attempt_all(&jetstream, &jobs).await {
        Outcome::Stored { last } => {
            for (job, behind) in jobs.iter_mut().rev().zip(0..) {
                job.answer(Ok(Accepted {
                    is_new: true,
                    log_sequence: Some(last - behind),
                }));
            }
        }
        Outcome::Refused => {}
        Outcome::Unknown => jobs.iter_mut().for_each(|job| job.is_in_doubt = true),
    }
    jobs
}

async fn fly_alone(jetstream: &Context, job: &mut Job) {
    match attempt(jetstream, job).await {
        Try::Acknowledged(accepted) => job.answer(Ok(accepted)),
        Try::Unknown => job.is_in_doubt = true,
        // It is tried again, and what it is told then is said.
        Try::NotNow(_) | Try::Refused(_) => {}
    }
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// All of it is in the stream, up to this sequence and without a gap.
    Stored { last: u64 },
    /// None of it is.
    Refused,
    /// It may be in the stream.
    Unknown,
}

async fn attempt_all(jetstream: &Context, jobs: &[Job]) -> Outcome {
    let client = jetstream.client();
    let published = async {
        // Unique, and as short as ids of batches must be.
        let batch = client.new_inbox();
        let (last, others) = jobs.split_last()?;
        for (job, number) in others.iter().zip(1..) {
            let headers = in_batch(&job.headers, &batch, number);
            let sent = client.publish_with_headers(job.subject.clone(), headers, job.payload.clone());
            sent.await.ok()?;
        }
        let mut headers = in_batch(&last.headers, &batch, jobs.len());
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        let request = Request::new()
            .headers(headers)
            .payload(last.payload.clone())
            .timeout(Some(ACK_WAIT));
        client.send_request(last.subject.clone(), request).await.ok()
    };
    match tokio::time::timeout(ACK_WAIT, published).await {
        Ok(Some(answer)) => read_answer(&answer.payload, jobs.len()),
        Ok(None) | Err(_) => Outcome::Unknown,
    }
}

fn in_batch(own: &HeaderMap, batch: &str, number: usize) -> HeaderMap {
    let mut headers = own.clone();
    headers.insert(NATS_BATCH_ID, batch);
    headers.insert(NATS_BATCH_SEQUENCE, number.to_string());
    headers
}

fn read_answer(payload: &[u8], messages: usize) -> Outcome {
    match serde_json::from_slice::<Response<PublishAck>>(payload) {
        Ok(Response::Ok(ack)) if ack.batch_size == u64::try_from(messages).ok() => {
            Outcome::Stored { last: ack.sequence }
        }
        Ok(Response::Err { .. }) => Outcome::Refused,
        // The last message for itself, by a server that knows no batches.
        Ok(Response::Ok(_)) | Err(_) => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_stored_when_the_server_counts_all_of_it() {
        let all = br#"{"stream":"CLAWHOLD_IN","seq":9,"batch":"b","count":3}"#;
        assert_eq!(read_answer(all, 3), Outcome::Stored { last: 9 });
        assert_eq!(read_answer(all, 4), Outcome::Unknown);
        let alone = br#"{"stream":"CLAWHOLD_IN","seq":9}"#;
        assert_eq!(read_answer(alone, 3), Outcome::Unknown);
        let known = br#"{"error":{"code":400,"err_code":10201,"description":"contains duplicate message id"}}"#;
        assert_eq!(read_answer(known, 3), Outcome::Refused);
    }
}
