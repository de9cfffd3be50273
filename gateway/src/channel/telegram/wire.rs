//! What the Bot API says, as far as it is understood here. Fields that are not named are of no interest.

use serde::Deserialize;
use serde_json::Value;

/// Kinds of updates that are asked for.
pub(super) const ALLOWED_UPDATES: [&str; 2] = ["message", "edited_message"];

/// One update.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Update {
    pub(super) update_id: i64,
    pub(super) message: Option<Message>,
    pub(super) edited_message: Option<Message>,
}

/// A person, or a bot.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) first_name: Option<String>,
    pub(super) username: Option<String>,
}

/// A chat.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Chat {
    pub(super) id: i64,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) title: Option<String>,
    pub(super) first_name: Option<String>,
}

/// A message.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Message {
    pub(super) message_id: i64,
    pub(super) message_thread_id: Option<i64>,
    #[serde(default)]
    pub(super) is_topic_message: bool,
    pub(super) from: Option<User>,
    /// Who speaks for a chat: an anonymous administrator, a linked channel.
    pub(super) sender_chat: Option<Chat>,
    pub(super) chat: Chat,
    pub(super) date: i64,
    pub(super) text: Option<String>,
    pub(super) caption: Option<String>,
    #[serde(default)]
    pub(super) entities: Vec<Entity>,
    #[serde(default)]
    pub(super) caption_entities: Vec<Entity>,
    pub(super) reply_to_message: Option<Box<Message>>,
    /// The part of the message answered that was picked out.
    pub(super) quote: Option<TextQuote>,
    #[serde(default)]
    pub(super) photo: Vec<File>,
    pub(super) video: Option<File>,
    pub(super) video_note: Option<File>,
    pub(super) animation: Option<File>,
    pub(super) voice: Option<File>,
    pub(super) audio: Option<File>,
    pub(super) document: Option<File>,
    pub(super) sticker: Option<Sticker>,
    pub(super) location: Option<Location>,
    pub(super) contact: Option<Contact>,
    pub(super) forum_topic_created: Option<Topic>,
    pub(super) migrate_to_chat_id: Option<i64>,
    pub(super) migrate_from_chat_id: Option<i64>,
}

/// A span of a text with a meaning, in UTF-16 units.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entity {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) user: Option<User>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct TextQuote {
    pub(super) text: String,
}

/// Any file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    pub(super) file_id: String,
    pub(super) file_name: Option<String>,
    pub(super) mime_type: Option<String>,
    pub(super) file_size: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sticker {
    pub(super) emoji: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Location {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Contact {
    pub(super) phone_number: String,
    pub(super) first_name: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Topic {
    pub(super) name: String,
}

/// The frame of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub(super) ok: bool,
    #[serde(default)]
    pub(super) result: Value,
    #[serde(default)]
    pub(super) error_code: u16,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// What an error adds.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Parameters {
    /// Seconds.
    pub(super) retry_after: Option<f64>,
    pub(super) migrate_to_chat_id: Option<i64>,
}

/// `getFile`.
#[derive(Debug, Deserialize)]
pub(super) struct FilePath {
    pub(super) file_size: Option<u64>,
    pub(super) file_path: Option<String>,
}

/// `getWebhookInfo`.
#[derive(Debug, Deserialize)]
pub(super) struct WebhookInfo {
    pub(super) url: String,
    pub(super) last_error_date: Option<i64>,
    pub(super) last_error_message: Option<String>,
}

/// The message that was sent.
#[derive(Debug, Deserialize)]
pub(super) struct SentMessage {
    pub(super) message_id: i64,
}
