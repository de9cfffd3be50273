//! What the command line and the running node say to each other, as JSON.

use proto::ids::OutboxId;
use proto::ipc::ProgressKind;
use serde::{Deserialize, Serialize};

/// Body of `POST /v1/chats/{chat}/messages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Idempotency key: the same id is the same message, however often it is posted.
    pub id: String,
    /// The text.
    pub text: String,
    /// Who writes; shown to the agent. Default: `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// Answer to a posted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// What became of it.
    pub status: PostedStatus,
}

/// What became of a posted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostedStatus {
    /// It is in the inbox and calls the agent.
    Accepted,
    /// It is in the inbox as context for a later turn: no trigger called the agent.
    Context,
    /// It was there before.
    Duplicate,
}

/// One line of `GET /v1/chats/{chat}/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Something the group says here. It counts as delivered once a client acknowledged it.
    Reply(ReplyEvent),
    /// Something to watch while the agent works.
    Progress {
        /// What it is.
        kind: ProgressKind,
        /// A piece of text, or a tool's name.
        text: String,
    },
    /// The agent began or stopped working.
    Working {
        /// Whether it works.
        on: bool,
    },
    /// Nothing happened for a while; the node is there.
    Alive,
}

/// A reply as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyEvent {
    /// Position in the chat.
    pub seq: i64,
    /// Identity: the same id is the same reply, however often it comes.
    pub id: OutboxId,
    /// The text.
    pub text: String,
    /// Role name the agent speaks as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// Body of `POST /v1/chats/{chat}/acks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The reply that has been shown.
    pub id: OutboxId,
}

/// Answer of `GET /v1/chats/{chat}/state`: what is still on its way in this chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatState {
    /// Messages of this chat that call the agent and are not covered by a committed turn.
    pub unanswered: u64,
    /// Replies to this chat that have not arrived.
    pub undelivered: u64,
}

impl ChatState {
    /// Whether every message got its answer, its deliberate silence or its notice, and all of it has arrived.
    pub fn is_settled(self) -> bool {
        self.unanswered == 0 && self.undelivered == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_shape_on_the_wire() {
        let reply = Event::Reply(ReplyEvent {
            seq: 3,
            id: "019b0000-0000-7000-8000-000000000001".parse().unwrap(),
            text: "hi".into(),
            sender: None,
        });
        let expected = r#"{"type":"reply","seq":3,"id":"019b0000-0000-7000-8000-000000000001","text":"hi"}"#;
        assert_eq!(serde_json::to_string(&reply).unwrap(), expected);
        let tool = Event::Progress {
            kind: ProgressKind::Tool,
            text: "Bash".into(),
        };
        assert_eq!(
            serde_json::to_string(&tool).unwrap(),
            r#"{"type":"progress","kind":"tool","text":"Bash"}"#
        );
        assert_eq!(serde_json::to_string(&Event::Alive).unwrap(), r#"{"type":"alive"}"#);
    }
}
