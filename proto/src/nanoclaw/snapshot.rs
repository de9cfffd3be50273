//! What the agent may look up about the host: files written before it starts (IPC-20…22).

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, GroupId};
use crate::time::Timestamp;

/// One task in `current_tasks.json`; the file is an array of them. `main` gets all, others their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// The task.
    pub id: String,
    /// Its group.
    #[serde(rename = "groupFolder")]
    pub group_folder: GroupId,
    /// What the agent is told when it fires.
    pub prompt: String,
    /// `cron`, `interval` or `once`.
    pub schedule_type: String,
    /// Cron expression, milliseconds or local time.
    pub schedule_value: String,
    /// `active`, `paused` or `completed`.
    pub status: String,
    /// When it fires next.
    pub next_run: Option<Timestamp>,
}

/// Contents of `available_groups.json`. `main` gets the list of DB-24, others an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupsSnapshot {
    /// The chats, most recently active first.
    pub groups: Vec<AvailableGroup>,
    /// When the list was made.
    pub last_sync: Timestamp,
}

/// One chat in [`GroupsSnapshot`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AvailableGroup {
    /// The chat.
    pub jid: ChatId,
    /// Its name.
    pub name: String,
    /// When it was last active.
    pub last_activity: Timestamp,
    /// Whether it belongs to a group already.
    pub is_registered: bool,
}
