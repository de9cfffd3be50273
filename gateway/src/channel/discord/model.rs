//! What we read of Discord's objects. Whatever else they hold, now or later, is passed over.

use std::fmt;
use std::str::FromStr;

use proto::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::channel::lenient;

/// 2015-01-01, where Discord's count of milliseconds begins.
const EPOCH_MS: i64 = 1_420_070_400_000;
/// Bits of an id below its milliseconds.
const LOW_BITS: u32 = 22;

/// Discord's ids: numbers that grow with time, written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Snowflake(pub(super) u64);

impl Snowflake {
    /// When it was made.
    pub(super) fn made_at(self) -> Timestamp {
        let millis = i64::try_from(self.0 >> LOW_BITS).expect("42 bits fit");
        Timestamp::from_millis(millis + EPOCH_MS)
    }

    /// The first id of this moment.
    pub(super) fn at(time: Timestamp) -> Self {
        Self(u64::try_from(time.as_millis() - EPOCH_MS).unwrap_or(0) << LOW_BITS)
    }
}

impl fmt::Display for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Snowflake {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for Snowflake {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Snowflake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: Snowflake,
    pub(super) username: String,
    #[serde(default)]
    pub(super) global_name: Option<String>,
    #[serde(default)]
    pub(super) bot: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    pub(super) nick: Option<String>,
    #[serde(default)]
    pub(super) user: Option<User>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Message {
    pub(super) id: Snowflake,
    pub(super) channel_id: Snowflake,
    #[serde(default)]
    pub(super) guild_id: Option<Snowflake>,
    #[serde(default, rename = "type")]
    pub(super) kind: u8,
    pub(super) author: User,
    #[serde(default)]
    pub(super) member: Option<Member>,
    #[serde(default)]
    pub(super) webhook_id: Option<Snowflake>,
    #[serde(default)]
    pub(super) content: String,
    #[serde(default)]
    pub(super) edited_timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(super) mentions: Vec<User>,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
    #[serde(default)]
    pub(super) sticker_items: Vec<Sticker>,
    #[serde(default)]
    pub(super) referenced_message: Option<Box<Message>>,
    #[serde(default)]
    pub(super) message_snapshots: Vec<Snapshot>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Attachment {
    pub(super) id: Snowflake,
    pub(super) filename: String,
    #[serde(default)]
    pub(super) content_type: Option<String>,
    #[serde(default)]
    pub(super) size: Option<u64>,
    pub(super) url: String,
    /// Only voice messages have one.
    #[serde(default)]
    pub(super) waveform: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sticker {
    pub(super) name: String,
}

/// A message that was forwarded, as it was then.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Snapshot {
    pub(super) message: Forwarded,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Forwarded {
    #[serde(default)]
    pub(super) content: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Deleted {
    pub(super) id: Snowflake,
    pub(super) channel_id: Snowflake,
    #[serde(default)]
    pub(super) guild_id: Option<Snowflake>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Channel {
    pub(super) id: Snowflake,
    #[serde(default, rename = "type")]
    pub(super) kind: u8,
    #[serde(default)]
    pub(super) guild_id: Option<Snowflake>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) parent_id: Option<Snowflake>,
    #[serde(default)]
    pub(super) last_message_id: Option<Snowflake>,
}

impl Channel {
    /// Threads of announcement, public and private.
    pub(super) fn is_thread(&self) -> bool {
        matches!(self.kind, 10..=12)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Guild {
    pub(super) id: Snowflake,
    #[serde(default)]
    pub(super) unavailable: bool,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient::each")]
    pub(super) channels: Vec<Channel>,
    #[serde(default, deserialize_with = "lenient::each")]
    pub(super) threads: Vec<Channel>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) session_id: String,
    pub(super) resume_gateway_url: String,
    #[serde(default, deserialize_with = "lenient::each")]
    pub(super) guilds: Vec<Guild>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Interaction {
    pub(super) id: Snowflake,
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) token: String,
    #[serde(default)]
    pub(super) data: Option<CommandData>,
    #[serde(default)]
    pub(super) guild_id: Option<Snowflake>,
    #[serde(default)]
    pub(super) channel: Option<Channel>,
    #[serde(default)]
    pub(super) member: Option<Member>,
    #[serde(default)]
    pub(super) user: Option<User>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CommandData {
    pub(super) name: String,
    #[serde(default)]
    pub(super) options: Vec<CommandOption>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CommandOption {
    pub(super) value: serde_json::Value,
}

/// `GET /gateway/bot`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct GatewayBot {
    pub(super) url: String,
    pub(super) session_start_limit: SessionStartLimit,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct SessionStartLimit {
    pub(super) remaining: u64,
    /// Milliseconds.
    pub(super) reset_after: u64,
}

/// An object of which only the id counts.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Identified {
    pub(super) id: Snowflake,
}

/// Discord's words for an error.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    pub(super) code: u64,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) retry_after: Option<f64>,
    #[serde(default)]
    pub(super) global: bool,
}
