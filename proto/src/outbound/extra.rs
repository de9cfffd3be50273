//! What a message carries beside its text.

use serde::{Deserialize, Serialize};

/// A file whose bytes lie in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// File name shown to people; never a path.
    pub name: String,
    /// IANA media type, as its sender says.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Name of the blob.
    pub blob: String,
}

/// What is sent beside or instead of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// A file; the text is its caption.
    File(Attachment),
    /// A reaction to a message of the chat; there is no text.
    Reaction {
        /// The platform's id of that message.
        message: String,
        /// One emoji.
        emoji: String,
    },
}

impl Extra {
    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data with text keys")
    }
}
