//! What a hook's platform and this gateway say to each other, as JSON.

use proto::ids::OutboxId;
use proto::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Body of `POST /v1/webhooks/{hook}/messages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Idempotency key, where the header `Idempotency-Key` is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the platform calls the chat.
    pub chat: String,
    /// The platform's id of the sender.
    pub sender: String,
    /// Display name of the sender; default: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    /// The text.
    pub text: String,
    /// When it was sent; default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// Answer to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// What became of it.
    pub status: PostedStatus,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostedStatus {
    /// It is in the inbox and calls the agent.
    Accepted,
    /// It is in the inbox as context: no trigger called the agent.
    Context,
    /// It was there before.
    Duplicate,
    /// The chat is registered to no group; nothing but its name was kept.
    IgnoredUnregistered,
    /// The sender is not on the allowlist.
    Dropped,
}

/// A reply: the body of a callback, and an element of a polled list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Identity: the same id is the same reply, however often it comes.
    pub id: OutboxId,
    /// Position in the chat; grows, gaps are allowed.
    pub seq: i64,
    /// What the platform calls the chat.
    pub chat: String,
    /// The text.
    pub text: String,
    /// Role name the agent speaks as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// A file of the agent; the text is its caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// A reaction to a message; there is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaction: Option<Reaction>,
}

/// A file with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// File name; never a path.
    pub name: String,
    /// IANA media type.
    pub media_type: String,
    /// Base64, with padding. None when it is kept no longer.
    pub content: Option<String>,
}

/// A reaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The id of the message, as the platform gave it.
    pub message: String,
    /// One emoji.
    pub emoji: String,
}

/// Answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replies {
    /// Replies after the position asked for, oldest first; empty when none came in time.
    pub replies: Vec<Reply>,
    /// Position to ask after next time.
    pub after: i64,
}
