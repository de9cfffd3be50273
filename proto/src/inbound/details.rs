//! What a message carries beside its text: how it addresses the assistant, what it answers, its files.

use serde::{Deserialize, Serialize};

use super::ReceivedFile;
use crate::command::SessionCommand;

/// Whether the platform itself says that the assistant is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressed {
    /// It does not: the trigger decides.
    #[default]
    No,
    /// The assistant is mentioned, or one of its messages is answered.
    Mention,
    /// Nobody else is there.
    Direct,
}

/// Whether a message is new, or what became of one that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventKind {
    /// New.
    #[default]
    Message,
    /// Its sender changed it; the text is the new one. Its dedup key must differ from that of the message.
    Edited,
    /// Its sender took it back; the text says what is known of it. Its dedup key must differ from that of the message.
    Deleted,
}

impl EventKind {
    /// The text as the agent reads it.
    pub(super) fn mark(self, text: String) -> String {
        match self {
            Self::Message => text,
            Self::Edited => format!("[edited] {text}"),
            Self::Deleted => format!("[deleted] {text}"),
        }
    }
}

/// The message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Display name of its sender.
    pub sender_name: String,
    /// Its text, or the part of it that was picked out.
    pub text: String,
}

/// Kind of a file, as people think of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A picture.
    Image,
    /// Spoken for this message.
    Voice,
    /// Music or another recording.
    Audio,
    /// A film.
    Video,
    /// Anything else.
    Document,
    /// A sticker.
    Sticker,
}

/// A file that came with a message and still lies on the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingFile {
    /// Name, where the platform gives one; else one made of its kind.
    pub name: String,
    /// Media type, as the platform says.
    pub media_type: String,
    /// Size in bytes, where it is known.
    pub bytes: Option<u64>,
    /// Kind.
    pub kind: FileKind,
    /// By which the channel finds it again.
    pub reference: String,
}

/// What an envelope carries beside the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// The message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// Files that came with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ReceivedFile>,
    /// The command it is, from somebody who may give it. What merely reads like one has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<SessionCommand>,
}

impl Details {
    /// Whether there is nothing beside the text.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As it is stored; nothing, if there is nothing.
    pub fn to_json(&self) -> Option<String> {
        let json = |details: &Self| serde_json::to_string(details).expect("plain data with text keys");
        Some(self).filter(|details| !details.is_empty()).map(json)
    }
}
