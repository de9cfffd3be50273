//! What goes out: messages, files, reactions.

use bytes::Bytes;
use proto::outbound::{Attachment, Delivery, Extra, Part, SendOutcome};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Slack;
use super::api::{CallError, Concerns, concerns};
use super::emoji;
use super::format::{mrkdwn, role};
use super::place::{Place, message_id, parse_message_id};
use super::reconcile::identity;
use crate::channel::FetchError;
use crate::files::FileError;
use crate::rest::Exchange;

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

#[derive(Deserialize)]
struct Upload {
    upload_url: String,
    file_id: String,
}

#[derive(Deserialize)]
struct Opened {
    channel: super::model::Channel,
}

impl Slack {
    pub(super) async fn send_part(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        let Some(place) = Place::parse(&delivery.chat) else {
            return SendOutcome::Rejected {
                reason: format!("{} is no chat of Slack's", delivery.chat),
            };
        };
        let place = match self.opened(place).await {
            Ok(place) => place,
            // Nothing that anybody could see was done.
            Err(error) => return outcome(Err(not_sent(error))),
        };
        match &delivery.extra {
            Some(Extra::Reaction { message, emoji }) => self.react(&place, message, emoji).await,
            Some(Extra::File(file)) if part.from == 0 => self.share(delivery, part, &place, file).await,
            Some(Extra::File(_)) | None => self.post(delivery, part, &place).await,
        }
    }

    /// A person's id becomes the direct messages with them.
    pub(super) async fn opened(&self, place: Place) -> Result<Place, CallError> {
        if !place.channel.starts_with(['U', 'W']) {
            return Ok(place);
        }
        let opened: Opened = self
            .api
            .act("conversations.open", &json!({ "users": place.channel }))
            .await?;
        Ok(Place {
            channel: opened.channel.id,
            ..place
        })
    }

    async fn post(&self, delivery: &Delivery, part: &Part, place: &Place) -> SendOutcome {
        let mut body = json!({
            "channel": place.channel,
            "text": said(delivery, part),
            "metadata": identity(delivery, part),
        });
        if let Some(thread) = &place.thread {
            body["thread_ts"] = thread.as_str().into();
        }
        let posted: Result<Posted, CallError> = self.api.act("chat.postMessage", &body).await;
        outcome(posted.map(|posted| Some(message_id(&posted.channel, &posted.ts))))
    }

    /// A file is seen only when it is shared: what fails before that has left nothing.
    async fn share(&self, delivery: &Delivery, part: &Part, place: &Place, file: &Attachment) -> SendOutcome {
        let bytes = match self.files.read(file).await {
            Ok(bytes) => bytes,
            Err(error @ FileError::Gone { .. }) => {
                return SendOutcome::Rejected {
                    reason: error.to_string(),
                };
            }
            Err(error @ FileError::Unavailable(_)) => {
                return SendOutcome::NotSent {
                    reason: error.to_string(),
                    retry_after: None,
                };
            }
        };
        if bytes.is_empty() {
            return SendOutcome::Rejected {
                reason: format!("the file {:?} is empty: Slack takes no empty files", file.name),
            };
        }
        let id = match self.upload(file, bytes).await {
            Ok(id) => id,
            Err(error) => return outcome(Err(not_sent(error))),
        };
        self.doubts.note_file(delivery, part, &id);
        let mut body = json!({
            "files": [{ "id": id, "title": file.name }],
            "channel_id": place.channel,
        });
        let text = said(delivery, part);
        if !text.is_empty() {
            body["initial_comment"] = text.into();
        }
        if let Some(thread) = &place.thread {
            body["thread_ts"] = thread.as_str().into();
        }
        let shared: Result<Value, CallError> = self.api.act("files.completeUploadExternal", &body).await;
        // The message that shows it comes about a little later; its id is not in the answer.
        outcome(shared.map(|_| None))
    }

    async fn upload(&self, file: &Attachment, bytes: Bytes) -> Result<String, CallError> {
        let length = bytes.len().to_string();
        let query = [("filename", file.name.as_str()), ("length", length.as_str())];
        let upload: Upload = self.api.read("files.getUploadURLExternal", &query).await?;
        self.api.upload(&upload.upload_url, bytes, &file.media_type).await?;
        Ok(upload.file_id)
    }

    async fn react(&self, place: &Place, message: &str, emoji: &str) -> SendOutcome {
        let Some((channel, ts)) = parse_message_id(message) else {
            return SendOutcome::Rejected {
                reason: format!("{message:?} is no message of Slack's"),
            };
        };
        // The agent names the message: what it may reach is decided by the chat alone.
        if channel != place.channel {
            return SendOutcome::Rejected {
                reason: format!("the message {message:?} is in another chat: react in the chat it was written in"),
            };
        }
        let Some(name) = emoji::name(emoji) else {
            return SendOutcome::Rejected {
                reason: format!("Slack's name of the emoji {emoji} is not known here: give its name, such as :tada:"),
            };
        };
        let body = json!({ "channel": channel, "timestamp": ts, "name": name });
        match self.api.act::<Value>("reactions.add", &body).await {
            Err(CallError::Said(word)) if word == "already_reacted" => outcome(Ok(None)),
            reacted => outcome(reacted.map(|_| None)),
        }
    }

    pub(super) async fn fetch(&self, url: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        let longest = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        if !self.sockets.is_trusted(url) {
            return Err(FetchError::Gone("the file lies elsewhere than at Slack".to_owned()));
        }
        match self.api.download(url, longest).await {
            Exchange::Answered(answered) if answered.status.is_success() => Ok(answered.body),
            Exchange::Answered(answered) if answered.status.is_redirection() => Err(FetchError::Gone(
                "Slack wants a login to give the file: give the app the scope files:read and install it again"
                    .to_owned(),
            )),
            Exchange::Answered(answered) if answered.status == http::StatusCode::NOT_FOUND => {
                Err(FetchError::Gone("Slack does not have the file any more".to_owned()))
            }
            Exchange::Answered(answered) => {
                let status = answered.status.as_u16();
                Err(FetchError::Unavailable(format!(
                    "Slack answered {status} to the download"
                )))
            }
            Exchange::Lost { reason } if reason.contains("larger than") => Err(FetchError::TooLarge { bytes_max }),
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(FetchError::Unavailable(reason)),
        }
    }
}

/// The text of a part, under the name of the role that speaks.
fn said(delivery: &Delivery, part: &Part) -> String {
    let text = if part.text.trim().is_empty() {
        String::new()
    } else {
        mrkdwn(&part.text)
    };
    match &delivery.sender {
        Some(sender) if part.from == 0 => format!("{}\n{text}", role(sender)).trim_end().to_owned(),
        _ => text,
    }
}

/// Before anything can be seen, a lost answer is as good as none.
fn not_sent(error: CallError) -> CallError {
    match error {
        CallError::Lost(reason) => CallError::NotSent(reason),
        CallError::Said(word) if concerns(&word) == Concerns::Unknown => CallError::NotSent(word),
        other => other,
    }
}

pub(super) fn outcome(sent: Result<Option<String>, CallError>) -> SendOutcome {
    let error = match sent {
        Ok(platform_id) => return SendOutcome::Sent { platform_id },
        Err(error) => error,
    };
    let reason = error.to_string();
    match error {
        CallError::NotSent(_) => SendOutcome::NotSent {
            reason,
            retry_after: None,
        },
        CallError::Busy(retry_after) => SendOutcome::NotSent { reason, retry_after },
        CallError::Lost(_) => SendOutcome::Uncertain { reason },
        CallError::Said(word) => match concerns(&word) {
            Concerns::Account => SendOutcome::AccountDown {
                reason,
                retry_after: None,
            },
            Concerns::Now => SendOutcome::NotSent {
                reason,
                retry_after: None,
            },
            Concerns::Unknown => SendOutcome::Uncertain { reason },
            Concerns::Call => SendOutcome::Rejected { reason },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str) -> SendOutcome {
        outcome(Err(CallError::Said(word.to_owned())))
    }

    #[test]
    fn slacks_words_decide() {
        for account in ["invalid_auth", "token_revoked", "account_inactive"] {
            assert!(matches!(of(account), SendOutcome::AccountDown { .. }), "{account}");
        }
        for unknown in ["internal_error", "fatal_error"] {
            assert!(matches!(of(unknown), SendOutcome::Uncertain { .. }), "{unknown}");
        }
        assert!(matches!(of("ratelimited"), SendOutcome::NotSent { .. }));
        for never in ["is_archived", "msg_too_long", "missing_scope", "something_new"] {
            assert!(matches!(of(never), SendOutcome::Rejected { .. }), "{never}");
        }
        match of("not_in_channel") {
            SendOutcome::Rejected { reason } => assert!(reason.contains("/invite"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
