//! How far the feed was read: what the next holder of the account needs to go on.

use serde::{Deserialize, Serialize};

use super::gap::Behind;
use super::model::Snowflake;

/// Direct messages whose gap is fetched. Discord tells nobody which there are, so they are remembered; the ones heard of
/// last stay.
const DIRECT_MAX: usize = 100;

/// The position, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Position {
    /// The session to resume; none: one must be begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<Session>,
    /// The newest message that was taken: what is newer was missed, should the session be over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<Snowflake>,
    /// A gap that is not filled yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gap: Option<Behind>,
    /// Channels of direct messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) direct: Vec<Snowflake>,
}

/// A session of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    /// Where it is resumed.
    pub(super) url: String,
    /// The last event that was taken.
    pub(super) sequence: u64,
}

impl Position {
    /// A text that is none of ours is no position: the feed begins anew.
    pub(super) fn parse(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain data with text keys")
    }

    pub(super) fn note_seen(&mut self, message: Snowflake) {
        self.seen = self.seen.max(Some(message));
    }

    pub(super) fn note_direct(&mut self, channel: Snowflake) {
        if self.direct.last() == Some(&channel) {
            return;
        }
        self.direct.retain(|known| *known != channel);
        if self.direct.len() >= DIRECT_MAX {
            self.direct.remove(0);
        }
        self.direct.push(channel);
    }
}
