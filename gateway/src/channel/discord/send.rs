//! Sending one part, and finding out whether it arrived.

use std::time::Duration;

use bytes::Bytes;
use proto::outbound::{Attachment, Delivery, Extra, Part, Reconciled, SendOutcome};
use reqwest::multipart::{Form, Part as FormPart};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Discord;
use super::doubt::Protection;
use super::history::Found;
use super::model::Snowflake;
use super::nonce::nonce;
use super::outcome::outcome;
use super::places::channel_of;
use crate::files::FileError;
use crate::rest::timeout_for;

/// How long it is waited before a history that could not be read is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

impl Discord {
    pub(super) async fn send_part(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        let Some(channel) = channel_of(&delivery.chat) else {
            return SendOutcome::Rejected {
                reason: format!("{} is no chat of Discord", delivery.chat),
            };
        };
        match first_extra(delivery, part) {
            Some(Extra::Reaction { message, emoji }) => self.react(channel, message, emoji).await,
            Some(Extra::File(file)) => match self.files.read(file).await {
                Ok(content) => self.send_once(channel, delivery, part, Some((file, content))).await,
                Err(error @ FileError::Gone { .. }) => SendOutcome::Rejected {
                    reason: error.to_string(),
                },
                Err(error @ FileError::Unavailable(_)) => SendOutcome::NotSent {
                    reason: error.to_string(),
                    retry_after: None,
                },
            },
            None => self.send_once(channel, delivery, part, None).await,
        }
    }

    async fn send_once(
        &self,
        channel: Snowflake,
        delivery: &Delivery,
        part: &Part,
        file: Option<(&Attachment, Bytes)>,
    ) -> SendOutcome {
        let nonce = nonce(delivery, part);
        if self.protection(&nonce, delivery) == Protection::Expired {
            match self.find(channel, delivery, part).await {
                Ok(Found::Here(id)) => return self.arrived(&nonce, channel, id),
                Ok(Found::NotHere) => self.doubts.end(&nonce),
                // A bot that may not read the history has nothing but the nonce.
                Ok(Found::Unreadable) => {}
                Err(reason) => {
                    return SendOutcome::NotSent {
                        reason: format!("whether an earlier attempt arrived is not known yet: {reason}"),
                        retry_after: None,
                    };
                }
            }
        }
        let path = format!("channels/{channel}/messages");
        let route = format!("POST {path}");
        if let Some(wait) = self.api.bucket_wait(&route) {
            return SendOutcome::NotSent {
                reason: "the rate limit of the channel is used up".to_owned(),
                retry_after: Some(wait),
            };
        }
        let began = self.clock.monotonic();
        let request = body(self.api.request(Method::POST, &path), part, &nonce, file);
        let outcome = outcome(self.api.call(&route, request).await);
        match &outcome {
            SendOutcome::Sent { platform_id } => {
                self.doubts.end(&nonce);
                if let Some(id) = platform_id.as_deref().and_then(|id| id.parse().ok()) {
                    self.places.note_sent(channel, id);
                }
            }
            SendOutcome::Uncertain { .. } => self.doubts.begin(&nonce, began),
            SendOutcome::NotSent { .. } | SendOutcome::Rejected { .. } | SendOutcome::AccountDown { .. } => {}
        }
        outcome
    }

    pub(super) async fn reconcile_part(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        let Some(channel) = channel_of(&delivery.chat) else {
            return Reconciled::NotArrived;
        };
        let nonce = nonce(delivery, part);
        // A reaction is there once, however often it is put. So is a message, for as long as Discord keeps its nonce.
        let is_reaction = matches!(first_extra(delivery, part), Some(Extra::Reaction { .. }));
        if is_reaction || self.interrupted_protection(&nonce, delivery) == Protection::Certain {
            return Reconciled::CannotTell;
        }
        match self.find(channel, delivery, part).await {
            Ok(Found::Here(id)) => {
                self.arrived(&nonce, channel, id);
                Reconciled::Arrived {
                    platform_id: Some(id.to_string()),
                }
            }
            Ok(Found::NotHere) => {
                self.doubts.end(&nonce);
                Reconciled::NotArrived
            }
            Ok(Found::Unreadable) => Reconciled::CannotTell,
            Err(_) => Reconciled::AskLater(ASK_AGAIN),
        }
    }

    fn arrived(&self, nonce: &str, channel: Snowflake, id: Snowflake) -> SendOutcome {
        self.doubts.end(nonce);
        self.places.note_sent(channel, id);
        SendOutcome::Sent {
            platform_id: Some(id.to_string()),
        }
    }

    fn protection(&self, nonce: &str, delivery: &Delivery) -> Protection {
        let now = (self.clock.now(), self.clock.monotonic());
        self.doubts.protection(nonce, delivery, now)
    }

    /// As [`Discord::protection`], for an attempt that was made: it counts as a failure, whether that is recorded or not.
    fn interrupted_protection(&self, nonce: &str, delivery: &Delivery) -> Protection {
        let made = Delivery {
            failures: delivery.failures.max(1),
            ..delivery.clone()
        };
        self.protection(nonce, &made)
    }

    async fn react(&self, channel: Snowflake, message: &str, emoji: &str) -> SendOutcome {
        // An edited message goes by its own id and when that was.
        let Ok(message) = message.split(':').next().unwrap_or_default().parse::<Snowflake>() else {
            return SendOutcome::Rejected {
                reason: format!("{message:?} is no id of a message on Discord"),
            };
        };
        let emoji: String = emoji.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("channels/{channel}/messages/{message}/reactions/{emoji}/@me");
        let route = format!("PUT channels/{channel}/reactions");
        if let Some(wait) = self.api.bucket_wait(&route) {
            return SendOutcome::NotSent {
                reason: "the rate limit of reactions is used up".to_owned(),
                retry_after: Some(wait),
            };
        }
        outcome(self.api.call(&route, self.api.request(Method::PUT, &path)).await)
    }
}

/// What goes out with the first part.
fn first_extra<'a>(delivery: &'a Delivery, part: &Part) -> Option<&'a Extra> {
    delivery.extra.as_ref().filter(|_| part.from == 0)
}

/// Discord's Markdown is the agent's, so the text goes as it is. People can be mentioned; everybody at once cannot.
fn body(request: RequestBuilder, part: &Part, nonce: &str, file: Option<(&Attachment, Bytes)>) -> RequestBuilder {
    let mut payload = json!({
        "content": part.text,
        "nonce": nonce,
        "enforce_nonce": true,
        "allowed_mentions": { "parse": ["users"] },
    });
    let Some((file, content)) = file else {
        return request.json(&payload);
    };
    payload["attachments"] = json!([{ "id": 0, "filename": file.name }]);
    let request = request.timeout(timeout_for(content.len()));
    request.multipart(form(&payload, file, content))
}

fn form(payload: &Value, file: &Attachment, content: Bytes) -> Form {
    let untyped = || FormPart::stream_with_length(content.clone(), content.len() as u64).file_name(file.name.clone());
    // A media type comes from whoever made the file, and may be none.
    let typed = untyped().mime_str(&file.media_type).unwrap_or_else(|_| untyped());
    let payload = FormPart::text(payload.to_string()).mime_str("application/json");
    Form::new()
        .part("payload_json", payload.expect("a constant media type"))
        .part("files[0]", typed)
}
