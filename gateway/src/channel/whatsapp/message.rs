//! The bodies of messages, as Graph takes them.

use proto::ids::OutboxId;
use serde_json::{Value, json};

use crate::config::Template;

/// What our data in a message begins with; data of others is not ours to read.
const MARK: &str = "clawhold1";

const PLAIN: &str = "text/plain";

/// The identity of one attempt, as it travels with a message and comes back with its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptId {
    pub(super) delivery: OutboxId,
    pub(super) attempt: u32,
}

impl AttemptId {
    pub(super) fn encode(self) -> String {
        format!("{MARK}:{}:{}", self.delivery, self.attempt)
    }

    pub(super) fn decode(data: &str) -> Option<Self> {
        let (delivery, attempt) = data.strip_prefix(MARK)?.strip_prefix(':')?.split_once(':')?;
        Some(Self {
            delivery: delivery.parse().ok()?,
            attempt: attempt.parse().ok()?,
        })
    }
}

/// A message to a person with this content (`{"type": …}`).
pub(super) fn message(to: &str, id: AttemptId, mut content: Value) -> Value {
    content["messaging_product"] = "whatsapp".into();
    content["recipient_type"] = "individual".into();
    content["to"] = to.into();
    content["biz_opaque_callback_data"] = id.encode().into();
    content
}

pub(super) fn text(body: &str) -> Value {
    json!({ "type": "text", "text": { "body": body } })
}

pub(super) fn reaction(message_id: &str, emoji: &str) -> Value {
    json!({ "type": "reaction", "reaction": { "message_id": message_id, "emoji": emoji } })
}

pub(super) fn template(template: &Template, value: &str) -> Value {
    json!({
        "type": "template",
        "template": {
            "name": template.name,
            "language": { "code": template.language },
            "components": [{ "type": "body", "parameters": [{ "type": "text", "text": value }] }],
        },
    })
}

/// How a file is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Image,
    Audio,
    Video,
    Document,
}

impl Shown {
    /// By its type and whether there is a text, which sound has no place for. Pictures that WhatsApp does not show go as
    /// documents.
    pub(super) fn of(media_type: &str, has_text: bool) -> Self {
        match media_type {
            "image/jpeg" | "image/png" => Self::Image,
            "video/mp4" | "video/3gpp" => Self::Video,
            sound if sound.starts_with("audio/") && !has_text => Self::Audio,
            _ => Self::Document,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

/// As what a file is uploaded. Of text the platform takes only the plain kind; the name still says what it is.
pub(super) fn upload_type(media_type: &str) -> &str {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence {
        "application/json" | "application/xml" | "application/yaml" => PLAIN,
        _ if essence.starts_with("text/") => PLAIN,
        _ => media_type,
    }
}

/// A file that was uploaded under this id.
pub(super) fn file(shown: Shown, media_id: &str, file_name: &str, caption: &str) -> Value {
    let mut file = json!({ "id": media_id });
    if !caption.is_empty() {
        file["caption"] = caption.into();
    }
    if shown == Shown::Document {
        file["filename"] = file_name.into();
    }
    let mut content = json!({ "type": shown.name() });
    content[shown.name()] = file;
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_found_again_in_the_states_of_its_message() {
        let id = AttemptId {
            delivery: OutboxId(uuid::Uuid::from_u128(7)),
            attempt: 3,
        };
        assert_eq!(AttemptId::decode(&id.encode()), Some(id));
        for foreign in ["", "order-17", "clawhold1:x:1", "clawhold1:7"] {
            assert_eq!(AttemptId::decode(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn every_text_is_uploaded_as_plain() {
        for (given, uploaded) in [
            ("text/csv; charset=utf-8", "text/plain"),
            ("application/json", "text/plain"),
            ("application/pdf", "application/pdf"),
            ("audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
        ] {
            assert_eq!(upload_type(given), uploaded);
        }
    }

    #[test]
    fn a_file_is_shown_as_what_the_platform_can_show() {
        assert_eq!(Shown::of("image/png", true), Shown::Image);
        assert_eq!(Shown::of("image/gif", false), Shown::Document);
        assert_eq!(Shown::of("audio/ogg", false), Shown::Audio);
        assert_eq!(Shown::of("audio/ogg", true), Shown::Document);
    }
}
