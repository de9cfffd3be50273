//! What the container reads from stdin, once, before end of file (CR-12).

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, GroupId, SessionId};

/// The one object on stdin. It holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerInput {
    /// The first prompt.
    pub prompt: String,
    /// Session to resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The group.
    pub group_folder: GroupId,
    /// The chat that the agent's `send_message` names as its target.
    pub chat_jid: ChatId,
    /// Whether the group has the privileges of `main`.
    pub is_main: bool,
    /// Whether the prompt comes from a schedule (AR-03).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_scheduled_task: Option<bool>,
    /// The assistant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant_name: Option<String>,
}

impl ContainerInput {
    /// Encodes the object as the bytes for stdin.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and booleans always encode")
    }
}
