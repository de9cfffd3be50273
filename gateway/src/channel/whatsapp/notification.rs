//! Notifications, as Meta writes them; what we do not use is left out, and what is unknown is passed over.

use serde::Deserialize;

/// The body of a notification.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Notification {
    pub(super) entry: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub(super) changes: Vec<Change>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    pub(super) field: String,
    pub(super) value: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Value {
    pub(super) metadata: Metadata,
    pub(super) contacts: Vec<Contact>,
    pub(super) messages: Vec<Message>,
    pub(super) statuses: Vec<Status>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) phone_number_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Contact {
    pub(super) profile: Profile,
    pub(super) wa_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    pub(super) name: String,
}

/// A person's message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) from: String,
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) timestamp: String,
    pub(super) context: Option<Context>,
    /// The group chat it was written in; the Cloud API has none, and this says so should that change.
    pub(super) group_id: Option<String>,
    #[serde(flatten)]
    pub(super) content: Content,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    pub(super) id: Option<String>,
}

/// What a message says: one of these, named by its type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) text: Option<Text>,
    pub(super) image: Option<Media>,
    pub(super) audio: Option<Media>,
    pub(super) video: Option<Media>,
    pub(super) document: Option<Media>,
    pub(super) sticker: Option<Media>,
    pub(super) location: Option<Location>,
    pub(super) contacts: Option<Vec<Card>>,
    pub(super) reaction: Option<Reaction>,
    pub(super) button: Option<Button>,
    pub(super) interactive: Option<Interactive>,
    pub(super) edit: Option<Box<Edit>>,
    pub(super) revoke: Option<Revoke>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    pub(super) body: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Media {
    pub(super) id: String,
    pub(super) mime_type: String,
    pub(super) caption: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) voice: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Card {
    pub(super) name: CardName,
    pub(super) phones: Vec<Phone>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CardName {
    pub(super) formatted_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Phone {
    pub(super) phone: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reaction {
    pub(super) message_id: String,
    pub(super) emoji: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Button {
    pub(super) text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Interactive {
    pub(super) button_reply: Option<Choice>,
    pub(super) list_reply: Option<Choice>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) title: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Edit {
    pub(super) original_message_id: String,
    pub(super) message: Content,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Revoke {
    pub(super) original_message_id: String,
}

/// A state of a message of ours.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) id: String,
    pub(super) status: String,
    /// Seconds since 1970.
    pub(super) timestamp: String,
    pub(super) biz_opaque_callback_data: Option<String>,
    pub(super) errors: Vec<StatusError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusError {
    pub(super) code: u32,
    pub(super) title: String,
    pub(super) error_data: StatusErrorData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusErrorData {
    pub(super) details: String,
}
