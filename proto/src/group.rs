//! Groups and chats: what is registered, and the settings that travel with it.

use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, GroupId};
use crate::time::Timestamp;

/// A group: unit of isolation, order and memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Identity and folder name.
    pub id: GroupId,
    /// Name shown to people.
    pub name: String,
    /// Whether this group has the privileges of `main` (MG-01…12).
    pub is_main: bool,
    /// Settings, changeable while the node runs.
    pub settings: GroupSettings,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What can be set per group; `None` means "as configured for the node".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupSettings {
    /// Trigger that a message must start with, for example `@Andy`; default: `@<assistant name>` (ML-06).
    pub trigger: Option<String>,
    /// Whether a trigger is needed at all (ML-05); never needed in `main`.
    pub requires_trigger: Option<bool>,
    /// Agent image.
    pub image: Option<String>,
    /// Limit of one whole run of the agent, in milliseconds (CR-26).
    pub timeout_ms: Option<u64>,
    /// IANA zone of the times shown to the agent.
    pub timezone: Option<String>,
    /// Model name handed to the Agent SDK.
    pub model: Option<String>,
    /// Extra mounts asked for; each must pass the mount allowlist (MS-01…10).
    pub additional_mounts: Vec<AdditionalMount>,
}

impl GroupSettings {
    /// The group's own zone, if it is a valid one.
    pub fn zone(&self) -> Option<Tz> {
        self.timezone.as_deref()?.parse().ok()
    }

    /// The run limit as a duration.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

/// One extra mount a group asks for (MS-04, MS-08).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AdditionalMount {
    /// Path on the host; `~` is expanded.
    pub host_path: String,
    /// Path below `/workspace/extra`; default: the last part of the host path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_path: Option<String>,
    /// Read-only unless explicitly `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readonly: Option<bool>,
}

/// A chat: one conversation on a platform. It is known as soon as it is seen, and registered once it has a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Identity, `<channel>:<platform id>`.
    pub id: ChatId,
    /// Channel (adapter) it lives on: `cli`, `webhook`, …
    pub channel: String,
    /// Account (bot identity) on that channel.
    pub account: String,
    /// Name shown to people, when known.
    pub name: Option<String>,
    /// Whether several people talk there (a direct message is not a group chat).
    pub is_group_chat: bool,
    /// Group it is registered to.
    pub group: Option<GroupId>,
    /// The chat it is a thread of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ChatId>,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
}

/// What a channel tells about a chat on every event (DB-12): `None` leaves what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatSeen {
    /// Identity, `<channel>:<platform id>`.
    pub id: ChatId,
    /// Channel (adapter).
    pub channel: String,
    /// Account (bot identity).
    pub account: String,
    /// Name, when the event carries one.
    pub name: Option<String>,
    /// Whether several people talk there, when the event says so.
    pub is_group_chat: Option<bool>,
    /// The chat it is a thread of: the thread belongs to that chat's group.
    pub parent: Option<ChatId>,
    /// Time of the event.
    pub seen_at: Timestamp,
}
