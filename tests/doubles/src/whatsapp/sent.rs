//! What the business has sent, as a person sees it.

use bytes::Bytes;

/// A message that Graph has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// Its id.
    pub id: String,
    /// The person's number.
    pub to: String,
    /// What it says.
    pub content: Sent,
    /// The message it answers.
    pub context: Option<String>,
    /// What the caller wants to read in its states.
    pub callback_data: Option<String>,
    /// Whether it reached the person; a message can be accepted and then fail.
    pub arrived: bool,
}

/// The kinds of messages that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A text.
    Text(String),
    /// A file.
    Media {
        /// `image`, `document`, `audio`, `video` or `sticker`.
        kind: String,
        /// The text with it.
        caption: Option<String>,
        /// The name of a document.
        file_name: Option<String>,
        /// What was uploaded.
        content: Bytes,
    },
    /// A reaction; an empty emoji takes it back.
    Reaction {
        /// The message it is put on.
        message_id: String,
        /// The emoji.
        emoji: String,
    },
    /// A template with the values of its body.
    Template {
        /// Its name.
        name: String,
        /// The values, in order.
        parameters: Vec<String>,
    },
}

impl Sent {
    /// What a person reads.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Media { caption, .. } => caption.clone().unwrap_or_default(),
            Self::Reaction { emoji, .. } => emoji.clone(),
            Self::Template { parameters, .. } => parameters.join(" "),
        }
    }
}
