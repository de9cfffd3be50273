//! Sending a reply to a hook's callback address.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use proto::outbound::{Delivery, Extra, SendOutcome};
use proto::time::Clock;
use service::causes::with_causes;

use super::hook::Hook;
use super::signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use super::wire::{File, Reaction, Reply};
use crate::files::{FileError, Files};
use crate::rest::timeout_for;

/// Header by which the receiver deduplicates.
pub(super) const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait a receiver may ask for: beyond that we ask again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The way to one callback address.
pub(super) struct Callbacks {
    url: String,
    client: reqwest::Client,
    files: Files,
    clock: Arc<dyn Clock>,
}

impl Callbacks {
    pub(super) fn new(url: String, files: Files, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry a signed reply to an address nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client for callbacks can be made")?;
        Ok(Self {
            url,
            client,
            files,
            clock,
        })
    }

    pub(super) async fn send(&self, hook: &Hook, delivery: &Delivery) -> SendOutcome {
        let reply = match reply(hook, delivery, &self.files).await {
            Ok(reply) => reply,
            Err(error) => {
                return SendOutcome::NotSent {
                    reason: error.to_string(),
                    retry_after: None,
                };
            }
        };
        let body = serde_json::to_vec(&reply).expect("replies are plain data with text keys");
        let timestamp = self.clock.now().as_millis() / 1000;
        let sent = self
            .client
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(TIMESTAMP_HEADER, timestamp)
            .header(SIGNATURE_HEADER, sign(hook.secret(), timestamp, &body))
            .header(IDEMPOTENCY_HEADER, delivery.id.to_string())
            .timeout(timeout_for(body.len()))
            .body(body)
            .send()
            .await;
        match sent {
            Ok(response) => answered(response.status(), response.headers()),
            Err(error) if error.is_connect() || error.is_builder() => SendOutcome::NotSent {
                reason: said(error),
                retry_after: None,
            },
            Err(error) => SendOutcome::Uncertain { reason: said(error) },
        }
    }
}

/// A delivery as the platform sees it; an error if its file cannot be read now.
pub(super) async fn reply(hook: &Hook, delivery: &Delivery, files: &Files) -> Result<Reply, FileError> {
    let (file, reaction) = match &delivery.extra {
        Some(Extra::File(attachment)) => {
            let content = match files.read(attachment).await {
                Ok(bytes) => Some(STANDARD.encode(bytes)),
                Err(FileError::Gone { .. }) => None,
                Err(error @ FileError::Unavailable(_)) => return Err(error),
            };
            let file = File {
                name: attachment.name.clone(),
                media_type: attachment.media_type.clone(),
                content,
            };
            (Some(file), None)
        }
        Some(Extra::Reaction { message, emoji }) => {
            let (message, emoji) = (message.clone(), emoji.clone());
            (None, Some(Reaction { message, emoji }))
        }
        None => (None, None),
    };
    Ok(Reply {
        id: delivery.id,
        seq: delivery.seq,
        chat: hook.platform_chat(&delivery.chat).to_owned(),
        text: delivery.text.clone(),
        sender: delivery.sender.clone(),
        created_at: delivery.created_at,
        file,
        reaction,
    })
}

fn answered(status: StatusCode, headers: &HeaderMap) -> SendOutcome {
    let reason = format!("the callback address answered {}", status.as_u16());
    match status {
        _ if status.is_success() => SendOutcome::Sent { platform_id: None },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => SendOutcome::NotSent {
            reason,
            retry_after: retry_after(headers),
        },
        // Whether it was taken before the failure is unknown.
        StatusCode::REQUEST_TIMEOUT => SendOutcome::Uncertain { reason },
        _ if status.is_server_error() => SendOutcome::Uncertain { reason },
        _ => SendOutcome::Rejected { reason },
    }
}

/// Reads `Retry-After` in seconds; the form with a date is left to our own back-off.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The error with its causes, without the address: it may carry a credential.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    with_causes(error.to_string(), &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> SendOutcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        answered(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn the_receivers_answer_decides() {
        for good in [200, 202, 204] {
            assert!(matches!(answer(good, None), SendOutcome::Sent { .. }), "{good}");
        }
        for never in [301, 400, 401, 404, 410, 422] {
            assert!(matches!(answer(never, None), SendOutcome::Rejected { .. }), "{never}");
        }
        for unknown in [408, 500, 502, 504] {
            assert!(
                matches!(answer(unknown, None), SendOutcome::Uncertain { .. }),
                "{unknown}"
            );
        }
    }

    #[test]
    fn a_busy_receiver_says_when_to_come_back() {
        let wait = |status, value| match answer(status, value) {
            SendOutcome::NotSent { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(429, Some("7")), Some(7));
        assert_eq!(wait(503, None), None);
        assert_eq!(wait(503, Some("999999")), Some(3_600), "but not for ever");
        assert_eq!(wait(429, Some("Fri, 20 Nov 2026 10:00:00 GMT")), None);
    }
}
