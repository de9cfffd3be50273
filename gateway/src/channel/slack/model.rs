//! What Slack says, as far as it is read. Everything else in its answers and events is passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::channel::lenient;

/// A message, as events and histories carry it; also what became of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) subtype: Option<String>,
    pub(super) channel: String,
    pub(super) ts: String,
    pub(super) thread_ts: Option<String>,
    pub(super) user: Option<String>,
    pub(super) bot_id: Option<String>,
    /// The name that another app gave itself for this message.
    pub(super) username: Option<String>,
    pub(super) bot_profile: Option<Named>,
    pub(super) text: String,
    pub(super) files: Vec<File>,
    pub(super) metadata: Option<Metadata>,
    pub(super) edited: Option<Edited>,
    pub(super) latest_reply: Option<String>,
    /// Of a change: how it is now, and how it was.
    pub(super) message: Option<Box<Message>>,
    pub(super) previous_message: Option<Box<Message>>,
    pub(super) deleted_ts: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Edited {
    pub(super) ts: String,
}

/// What an app noted with its message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) event_type: String,
    pub(super) event_payload: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) mimetype: Option<String>,
    pub(super) subtype: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) mode: Option<String>,
    pub(super) url_private: Option<String>,
    pub(super) url_private_download: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) is_im: bool,
    /// Of direct messages: who the other one is.
    pub(super) user: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) real_name: Option<String>,
}

/// Who we are (`auth.test`).
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Me {
    pub(super) user_id: String,
    #[serde(default)]
    pub(super) bot_id: Option<String>,
}

/// Lists come in pages.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    #[serde(deserialize_with = "lenient::each")]
    pub(super) channels: Vec<Channel>,
    #[serde(deserialize_with = "lenient::each")]
    pub(super) messages: Vec<Message>,
    pub(super) response_metadata: Next,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    pub(super) next_cursor: String,
}

/// The outer form of an event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Callback {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) challenge: String,
    pub(super) event: Value,
}

/// What comes over a socket.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) envelope_id: Option<String>,
    pub(super) reason: String,
    pub(super) payload: Value,
}
