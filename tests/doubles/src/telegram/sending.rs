//! What bots do in chats: send, edit, type, react.

use serde_json::{Value, json};

use super::TelegramDouble;
use super::chat::{Chat, Sent, SentFile};
use super::entities::units;
use super::error::ApiError;
use super::formatting;
use super::params::Params;

/// Longest text, in UTF-16 units after parsing.
const TEXT_UNITS_MAX: usize = 4_096;
/// Longest caption.
const CAPTION_UNITS_MAX: usize = 1_024;
/// Largest photo that is uploaded.
const PHOTO_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest other file.
const FILE_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Some of the emoji a bot may react with, without the marks by which some are asked for as pictures.
const REACTIONS: [&str; 20] = [
    "👍", "👎", "❤", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🙏", "👌", "🤡", "💯", "👀",
    "✍",
];

/// Where a message is to stand.
struct Place {
    thread: Option<i64>,
    reply_to: Option<i64>,
}

impl TelegramDouble {
    pub(super) fn send_message(&self, bot: i64, me: &Value, params: &Params) -> Result<Value, ApiError> {
        let (text, entities) = text_of(params, "text")?;
        if text.is_empty() {
            return Err(ApiError::bad_request("message text is empty"));
        }
        if units(&text) > TEXT_UNITS_MAX {
            return Err(ApiError::bad_request("message is too long"));
        }
        let body = json!({ "text": text, "entities": entities });
        self.post(bot, me, params, body, (text, entities), None)
    }

    pub(super) fn send_file(&self, bot: i64, me: &Value, params: &Params, kind: &str) -> Result<Value, ApiError> {
        let part = params.file(kind);
        let part = part.ok_or_else(|| ApiError::bad_request(format!("there is no {kind} in the request")))?;
        let (caption, entities) = text_of(params, "caption")?;
        if units(&caption) > CAPTION_UNITS_MAX {
            return Err(ApiError::bad_request("message caption is too long"));
        }
        let limit = if kind == "photo" {
            PHOTO_BYTES_MAX
        } else {
            FILE_BYTES_MAX
        };
        match part.content.len() {
            0 => return Err(ApiError::bad_request("file must be non-empty")),
            size if size > limit => return Err(ApiError::new(413, "Request Entity Too Large")),
            _ if kind == "photo" && !is_picture(&part.content) => {
                return Err(ApiError::bad_request("IMAGE_PROCESS_FAILED"));
            }
            _ => {}
        }
        let name = part.file_name.clone().unwrap_or_default();
        let size = part.content.len() as u64;
        let id = self.state().add_file(&name, part.content.clone(), size);
        let file = json!({ "file_id": id, "file_unique_id": id, "file_size": size, "file_name": name });
        let file = if kind == "photo" { json!([file]) } else { file };
        let body = json!({ kind: file, "caption": caption, "caption_entities": entities });
        let sent = SentFile {
            kind: kind.to_owned(),
            name,
            content: part.content.clone(),
        };
        self.post(bot, me, params, body, (caption, entities), Some(sent))
    }

    fn post(
        &self,
        bot: i64,
        me: &Value,
        params: &Params,
        body: Value,
        (text, entities): formatting::Formatted,
        file: Option<SentFile>,
    ) -> Result<Value, ApiError> {
        let now = self.clock.now_ms();
        let mut state = self.state();
        let limits_rate = state.limits_rate;
        let chat = state.chat_for(bot, params.chat()?)?;
        let place = place(chat, params)?;
        if limits_rate {
            chat.rate.take(chat.kind, now).map_err(ApiError::too_many)?;
        }
        let message = chat.keep(body, me.clone(), now / 1_000, place.thread);
        chat.sent.push(Sent {
            id: message["message_id"].as_i64().unwrap_or_default(),
            bot: me["username"].as_str().unwrap_or_default().to_owned(),
            thread: place.thread,
            reply_to: place.reply_to,
            text,
            entities,
            file,
            edits: 0,
        });
        drop(state);
        self.wake();
        Ok(message)
    }

    pub(super) fn edit_text(&self, bot: i64, params: &Params) -> Result<Value, ApiError> {
        let (text, entities) = text_of(params, "text")?;
        if text.is_empty() {
            return Err(ApiError::bad_request("message text is empty"));
        }
        if units(&text) > TEXT_UNITS_MAX {
            return Err(ApiError::bad_request("MESSAGE_TOO_LONG"));
        }
        let mut state = self.state();
        let chat = state.chat_for(bot, params.chat()?)?;
        let id = params.number("message_id").unwrap_or_default();
        let message = chat.messages.get_mut(&id);
        let message = message.ok_or_else(|| ApiError::bad_request("message to edit not found"))?;
        if message["from"]["id"] != json!(bot) {
            return Err(ApiError::bad_request("message can't be edited"));
        }
        if message["text"] == json!(text) && message["entities"] == json!(entities) {
            return Err(ApiError::bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        message["text"] = json!(text);
        message["entities"] = json!(entities);
        message["edit_date"] = json!(self.clock.now_s());
        let shown = message.clone();
        if let Some(sent) = chat.sent.iter_mut().find(|sent| sent.id == id) {
            (sent.text, sent.entities, sent.edits) = (text, entities, sent.edits + 1);
        }
        Ok(shown)
    }

    pub(super) fn chat_action(&self, bot: i64, params: &Params) -> Result<Value, ApiError> {
        let action = params.text("action").unwrap_or_default();
        if action.is_empty() {
            return Err(ApiError::bad_request("wrong parameter action in request"));
        }
        let mut state = self.state();
        let chat = state.chat_for(bot, params.chat()?)?;
        let place = place(chat, params)?;
        chat.actions.push((place.thread, action.to_owned()));
        drop(state);
        self.wake();
        Ok(json!(true))
    }

    pub(super) fn react(&self, bot: i64, params: &Params) -> Result<Value, ApiError> {
        let reactions = params.object("reaction").unwrap_or_default();
        let emoji = reactions[0]["emoji"].as_str().map(str::to_owned);
        if emoji.as_deref().is_some_and(|emoji| !REACTIONS.contains(&emoji)) {
            return Err(ApiError::bad_request("REACTION_INVALID"));
        }
        let mut state = self.state();
        let chat = state.chat_for(bot, params.chat()?)?;
        let id = params.number("message_id").unwrap_or_default();
        if !chat.messages.contains_key(&id) {
            return Err(ApiError::bad_request("message to react not found"));
        }
        chat.reactions.push((id, emoji));
        drop(state);
        self.wake();
        Ok(json!(true))
    }
}

/// A text in its parse mode. Telegram trims what surrounds a text.
fn text_of(params: &Params, name: &str) -> Result<formatting::Formatted, ApiError> {
    let text = params.text(name).unwrap_or_default().trim();
    formatting::parse(text, params.text("parse_mode"))
}

fn place(chat: &Chat, params: &Params) -> Result<Place, ApiError> {
    let thread = params.number("message_thread_id");
    let known = |thread: &i64| chat.topics.as_ref().is_some_and(|topics| topics.contains_key(thread));
    if thread.is_some_and(|thread| !known(&thread)) {
        return Err(ApiError::bad_request("message thread not found"));
    }
    let reply = params.object("reply_parameters").unwrap_or_default();
    let reply_to = reply["message_id"].as_i64();
    let missing = reply_to.is_some_and(|id| !chat.messages.contains_key(&id));
    if missing && reply["allow_sending_without_reply"] != json!(true) {
        return Err(ApiError::bad_request("message to be replied not found"));
    }
    let reply_to = reply_to.filter(|_| !missing);
    Ok(Place { thread, reply_to })
}

/// JPEG, PNG or WebP, by how they begin.
fn is_picture(content: &[u8]) -> bool {
    let webp = content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP");
    webp || content.starts_with(b"\xff\xd8\xff") || content.starts_with(b"\x89PNG\r\n\x1a\n")
}
