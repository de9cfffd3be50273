//! What the control API takes and gives, as JSON.

pub mod tasks;

use proto::command::PairCode;
use proto::group::{Chat, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, InboxOrd, OutboxId};
use proto::outbound::OutboxState;
use proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::health::AccountReport;

/// Body of `POST /v1/groups`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Identity and folder name.
    pub id: GroupId,
    /// Name shown to people; default: the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it has the privileges of `main`.
    #[serde(default)]
    pub is_main: bool,
    /// Settings.
    #[serde(default)]
    pub settings: GroupSettings,
}

/// Body of `PATCH /v1/groups/{group}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupChange {
    /// New name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Gives or takes the privileges of `main`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_main: Option<bool>,
    /// Settings by key; `null` returns one to the node's default.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
}

/// Answer of `GET /v1/groups`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Groups {
    /// The groups, by id.
    pub groups: Vec<Group>,
}

/// Answer of `GET /v1/chats`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chats {
    /// The chats, the one heard of last first.
    pub chats: Vec<Chat>,
}

/// Body of `PUT /v1/chats/{chat}/group`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Group the chat belongs to from now on; `null`: to none.
    pub group: Option<GroupId>,
}

/// Answer of `GET /v1/channels`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channels {
    /// The accounts this gateway serves or stands by for.
    pub accounts: Vec<AccountReport>,
}

/// Answer of `GET /v1/pairings`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pairings {
    /// Chats that ask, the one that asked first first.
    pub pairings: Vec<PairingShown>,
}

/// A chat that asks to be brought to a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairingShown {
    /// The code it shows.
    pub code: PairCode,
    /// The chat.
    pub chat: ChatId,
    /// Its name.
    pub name: Option<String>,
    /// Since when it asks.
    pub asked_at: Timestamp,
}

/// Body of `POST /v1/pairings/{code}/approve`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The group; without one a new one is made that is named after the chat.
    #[serde(default)]
    pub group: Option<String>,
}

/// Answer of `POST /v1/pairings/{code}/approve`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paired {
    /// The chat.
    pub chat: ChatId,
    /// Its group from now on.
    pub group: GroupId,
}

/// Answer of `GET /v1/status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the node.
    pub version: String,
    /// Readiness and its conditions, as `/readyz` says them.
    pub readiness: Value,
    /// Numbers of rows.
    pub counts: StatusCounts,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCounts {
    /// Registered groups.
    pub groups: u64,
    /// Groups that wait for a slot.
    pub waiting_groups: u64,
    /// Groups that hold a slot.
    pub owned_groups: u64,
    /// Replies that wait.
    pub outbox_pending: u64,
    /// Replies that may or may not have arrived.
    pub outbox_uncertain: u64,
    /// Replies that were given up.
    pub outbox_dead: u64,
    /// Messages that were given up.
    pub dead_letters: u64,
}

/// Answer of `GET /v1/dead-letters`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetters {
    /// Newest first.
    pub dead_letters: Vec<DeadLetter>,
}

/// Answer to `GET /v1/undelivered`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UndeliveredReplies {
    /// Newest first.
    pub undelivered: Vec<UndeliveredReply>,
}

/// A reply that did not arrive, or may not have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UndeliveredReply {
    /// Identity.
    pub id: OutboxId,
    /// Whose agent said it.
    pub group: GroupId,
    /// Where.
    pub chat: ChatId,
    /// `uncertain` (it may have arrived) or `dead`.
    pub state: OutboxState,
    /// The text.
    pub text: String,
    /// Why.
    pub reason: String,
    /// When it was given up.
    pub at: Timestamp,
}

/// A message that was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its group, where it can be told.
    pub group: Option<GroupId>,
    /// Its position in the inbox, if it got that far.
    pub ord: Option<InboxOrd>,
    /// Where it came from.
    pub chat: Option<ChatId>,
    /// Who sent it.
    pub sender: Option<String>,
    /// The text, or the beginning of what could not be read.
    pub text: String,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}
