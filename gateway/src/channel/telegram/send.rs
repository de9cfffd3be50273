//! Sending one part: a text, a file with its caption, a reaction.

use bytes::Bytes;
use proto::outbound::{Attachment, Delivery, Extra, Part, SendOutcome};
use reqwest::multipart::{Form, Part as FormPart};
use serde_json::{Value, json};

use super::TelegramChannel;
use super::api::{Api, CallError, Refusal};
use super::format;
use super::place::{Place, message_id, parse_message_id};
use super::wire::SentMessage;
use crate::files::FileError;
use crate::rest::timeout_for;

/// Largest picture that Telegram shows as one; a larger one goes as a document.
const PHOTO_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Largest file a bot may send.
const FILE_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// Marks by which an emoji asks to be shown as text or as a picture. Telegram takes reactions without them only.
const VARIATIONS: [char; 2] = ['\u{fe0e}', '\u{fe0f}'];

impl TelegramChannel {
    pub(super) async fn send_part(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        let Some(place) = Place::parse(&delivery.chat) else {
            return rejected(format!("{} is no chat of Telegram", delivery.chat));
        };
        if let Some(Extra::Reaction { message, emoji }) = &delivery.extra {
            return self.react(place, message, emoji).await;
        }
        let file = match &delivery.extra {
            Some(Extra::File(file)) if part.from == 0 => match self.read(file).await {
                Ok(bytes) => Some((file, bytes)),
                Err(outcome) => return outcome,
            },
            _ => None,
        };
        if let Some(bot) = self.pool.bot_for(delivery).await {
            match self.send_as(bot, place, &part.text, file.as_ref()).await {
                // It is not in the chat, or its token is no more: surely nothing was said.
                Err(CallError::Refused(refusal)) if refusal.code != 429 => {
                    tracing::warn!(%refusal, "a bot of the pool may not speak; the main bot does");
                }
                sent => return outcome(sent),
            }
        }
        outcome(self.send_as(&self.api, place, &part.text, file.as_ref()).await)
    }

    /// Sends to where the chat is now. That it moved is said instead of doing anything, so it is sent again at once.
    async fn send_as(
        &self,
        bot: &Api,
        place: Place,
        text: &str,
        file: Option<&(&Attachment, Bytes)>,
    ) -> Result<(Place, SentMessage), CallError> {
        let mut place = self.moved.follow(place);
        let mut sent = send_once(bot, place, text, file).await;
        if let Some(to) = sent
            .as_ref()
            .err()
            .and_then(CallError::refusal)
            .and_then(|refusal| refusal.migrated_to)
        {
            self.moved.note(place.chat, to);
            place = self.moved.follow(place);
            sent = send_once(bot, place, text, file).await;
        }
        sent.map(|sent| (place, sent))
    }

    async fn react(&self, place: Place, message: &str, emoji: &str) -> SendOutcome {
        let Some((chat, number)) = parse_message_id(message) else {
            return rejected(format!("{message:?} is no message of Telegram"));
        };
        let chat = self.moved.follow(Place::chat(chat)).chat;
        // The agent names the message: what it may reach is decided by the chat alone.
        if chat != self.moved.follow(place).chat {
            return rejected(format!(
                "the message {message:?} is in another chat: react in the chat it was written in"
            ));
        }
        let emoji = emoji.replace(VARIATIONS, "");
        let reaction = json!([{ "type": "emoji", "emoji": emoji }]);
        let parameters = json!({ "chat_id": chat, "message_id": number, "reaction": reaction });
        match self.api.call::<Value>("setMessageReaction", &parameters).await {
            Ok(_) => SendOutcome::Sent { platform_id: None },
            Err(error) => error.outcome(),
        }
    }

    async fn read(&self, file: &Attachment) -> Result<Bytes, SendOutcome> {
        if file.bytes > FILE_BYTES_MAX {
            let reason = format!(
                "{:?} has more than {FILE_BYTES_MAX} bytes, which is the most a bot may send",
                file.name
            );
            return Err(rejected(reason));
        }
        self.files.read(file).await.map_err(|error| match error {
            FileError::Gone { .. } => rejected(error.to_string()),
            FileError::Unavailable(_) => SendOutcome::NotSent {
                reason: error.to_string(),
                retry_after: None,
            },
        })
    }
}

/// One message. Formatting or a picture that Telegram does not take is refused before anything is done, so it is sent again
/// in a plainer form.
async fn send_once(
    bot: &Api,
    place: Place,
    text: &str,
    file: Option<&(&Attachment, Bytes)>,
) -> Result<SentMessage, CallError> {
    let html = format::html(text);
    // A text of nothing but marks would be empty.
    let html = if html.is_empty() { format::escape(text) } else { html };
    let Some(file) = file else {
        let sent = say(bot, place, &html, Some("HTML")).await;
        return if is_refused(&sent, Refusal::is_about_formatting) {
            say(bot, place, text, None).await
        } else {
            sent
        };
    };
    let kind = kind_of(file.0);
    let sent = share(bot, place, kind, file, &html, text).await;
    if kind == "photo" && is_refused(&sent, is_about_picture) {
        return share(bot, place, "document", file, &html, text).await;
    }
    sent
}

/// A file with its caption. As it is written the caption surely fits: it was cut to.
async fn share(
    bot: &Api,
    place: Place,
    kind: &'static str,
    file: &(&Attachment, Bytes),
    html: &str,
    text: &str,
) -> Result<SentMessage, CallError> {
    let sent = upload(bot, place, kind, file, html, Some("HTML")).await;
    if is_refused(&sent, Refusal::is_about_formatting) {
        return upload(bot, place, kind, file, text, None).await;
    }
    sent
}

fn is_refused(sent: &Result<SentMessage, CallError>, why: fn(&Refusal) -> bool) -> bool {
    sent.as_ref().err().and_then(CallError::refusal).is_some_and(why)
}

async fn say(bot: &Api, place: Place, text: &str, mode: Option<&str>) -> Result<SentMessage, CallError> {
    let mut parameters = json!({ "chat_id": place.chat, "text": text });
    if let Some(thread) = place.thread {
        parameters["message_thread_id"] = json!(thread);
    }
    if let Some(mode) = mode {
        parameters["parse_mode"] = json!(mode);
    }
    bot.call("sendMessage", &parameters).await
}

async fn upload(
    bot: &Api,
    place: Place,
    kind: &'static str,
    (file, bytes): &(&Attachment, Bytes),
    caption: &str,
    mode: Option<&'static str>,
) -> Result<SentMessage, CallError> {
    let length = bytes.len() as u64;
    let part = || FormPart::stream_with_length(bytes.clone(), length).file_name(file.name.clone());
    // A media type that is none is left out: Telegram looks for itself.
    let part = part().mime_str(&file.media_type).unwrap_or_else(|_| part());
    let mut form = Form::new().text("chat_id", place.chat.to_string());
    if let Some(thread) = place.thread {
        form = form.text("message_thread_id", thread.to_string());
    }
    if !caption.is_empty() {
        form = form.text("caption", caption.to_owned());
        if let Some(mode) = mode {
            form = form.text("parse_mode", mode);
        }
    }
    let method = if kind == "photo" { "sendPhoto" } else { "sendDocument" };
    let request = bot.request(method).timeout(timeout_for(bytes.len()));
    bot.make(request.multipart(form.part(kind, part))).await
}

fn kind_of(file: &Attachment) -> &'static str {
    let is_picture = ["image/jpeg", "image/png", "image/webp"].contains(&file.media_type.as_str());
    if is_picture && file.bytes <= PHOTO_BYTES_MAX {
        "photo"
    } else {
        "document"
    }
}

fn is_about_picture(refusal: &Refusal) -> bool {
    refusal.code == 400 && (refusal.says.contains("PHOTO_") || refusal.says.contains("IMAGE_"))
}

fn outcome(sent: Result<(Place, SentMessage), CallError>) -> SendOutcome {
    match sent {
        Ok((place, sent)) => SendOutcome::Sent {
            platform_id: Some(message_id(place.chat, sent.message_id)),
        },
        Err(error) => error.outcome(),
    }
}

fn rejected(reason: String) -> SendOutcome {
    SendOutcome::Rejected { reason }
}
