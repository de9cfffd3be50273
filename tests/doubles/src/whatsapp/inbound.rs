//! What people write, as notifications carry it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::error::GraphError;

/// A message of a person.
#[derive(Clone, Debug)]
pub enum Inbound {
    /// A text.
    Text(String),
    /// A text that answers a message.
    Reply {
        /// The message it answers.
        to: String,
        /// What it says.
        text: String,
    },
    /// A file.
    Media {
        /// What kind of file.
        kind: MediaKind,
        /// Its media type.
        media_type: String,
        /// The text with it; files of some kinds have none.
        caption: Option<String>,
        /// The name of a document.
        file_name: Option<String>,
        /// What it holds.
        content: Bytes,
    },
    /// A place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Its name, when the person chose a known place.
        name: Option<String>,
        /// Its address, likewise.
        address: Option<String>,
    },
    /// The card of somebody else.
    Contact {
        /// Their name.
        name: String,
        /// Their number.
        number: String,
    },
    /// A reaction; an empty emoji takes it back.
    Reaction {
        /// The message it is put on.
        to: String,
        /// The emoji.
        emoji: String,
    },
    /// The button of a template.
    Button(String),
    /// The button of an interactive message.
    Interactive(String),
    /// A text in the place of an earlier one.
    Edit {
        /// The earlier message.
        of: String,
        /// What it says now.
        text: String,
    },
    /// An earlier message is taken back.
    Revoke {
        /// The earlier message.
        of: String,
    },
    /// Something the Cloud API cannot say, such as a poll.
    Unsupported,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A sound file.
    Audio,
    /// A recorded voice note: `audio` with `voice` set.
    Voice,
    /// A film.
    Video,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
}

impl MediaKind {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio | Self::Voice => "audio",
            Self::Video => "video",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }
}

impl Inbound {
    /// The file in it, to be kept before the message is told.
    pub(super) fn file(&self) -> Option<(&str, &Bytes)> {
        match self {
            Self::Media {
                media_type, content, ..
            } => Some((media_type, content)),
            _ => None,
        }
    }

    /// The part of a message that says what it is; `business` is the number that is answered.
    pub(super) fn describe(&self, business: &str, media: Option<&str>) -> Value {
        match self {
            Self::Text(text) => json!({ "type": "text", "text": { "body": text } }),
            Self::Reply { to, text } => json!({
                "context": { "from": business, "id": to },
                "type": "text",
                "text": { "body": text },
            }),
            Self::Media { .. } => self.describe_file(media.unwrap_or_default()),
            Self::Location {
                latitude,
                longitude,
                name,
                address,
            } => {
                let mut location = json!({ "latitude": latitude, "longitude": longitude });
                put(&mut location, "name", name.as_deref());
                put(&mut location, "address", address.as_deref());
                json!({ "type": "location", "location": location })
            }
            Self::Contact { name, number } => json!({
                "type": "contacts",
                "contacts": [{
                    "name": { "formatted_name": name, "first_name": name },
                    "phones": [{ "phone": format!("+{number}"), "wa_id": number, "type": "CELL" }],
                }],
            }),
            Self::Reaction { to, emoji } => {
                let mut reaction = json!({ "message_id": to });
                put(
                    &mut reaction,
                    "emoji",
                    Some(emoji.as_str()).filter(|emoji| !emoji.is_empty()),
                );
                json!({ "type": "reaction", "reaction": reaction })
            }
            Self::Button(text) => json!({ "type": "button", "button": { "text": text, "payload": text } }),
            Self::Interactive(title) => json!({
                "type": "interactive",
                "interactive": { "type": "button_reply", "button_reply": { "id": "1", "title": title } },
            }),
            Self::Edit { of, text } => json!({
                "type": "edit",
                "edit": { "original_message_id": of, "message": { "type": "text", "text": { "body": text } } },
            }),
            Self::Revoke { of } => json!({ "type": "revoke", "revoke": { "original_message_id": of } }),
            Self::Unsupported => json!({
                "type": "unsupported",
                "errors": [GraphError::unknown_message_type().in_notification()],
            }),
        }
    }

    fn describe_file(&self, id: &str) -> Value {
        let Self::Media {
            kind,
            media_type,
            caption,
            file_name,
            content,
        } = self
        else {
            return Value::Null;
        };
        let mut file = json!({ "mime_type": media_type, "sha256": super::media::digest(content), "id": id });
        put(&mut file, "caption", caption.as_deref());
        put(&mut file, "filename", file_name.as_deref());
        match kind {
            MediaKind::Voice => file["voice"] = true.into(),
            MediaKind::Audio => file["voice"] = false.into(),
            MediaKind::Sticker => file["animated"] = false.into(),
            MediaKind::Image | MediaKind::Video | MediaKind::Document => {}
        }
        let mut message = json!({ "type": kind.name() });
        message[kind.name()] = file;
        message
    }
}

fn put(object: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}
