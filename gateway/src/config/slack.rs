//! Settings of Slack.

use serde::{Deserialize, Serialize};
use service::config::{Secret, range};

/// The Slack app of this installation; active as soon as it has a bot token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slack {
    /// The bot's token, `xoxb-…` (`SLACK_BOT_TOKEN`).
    pub bot_token: Option<Secret>,
    /// The app's token, `xapp-…`, for Socket Mode (`SLACK_APP_TOKEN`).
    pub app_token: Option<Secret>,
    /// The secret that Slack signs its requests with, for the Events API (`SLACK_SIGNING_SECRET`).
    pub signing_secret: Option<Secret>,
    /// Whether a mention in a channel opens a thread, and the answer goes there instead of to the channel.
    pub answer_in_threads: bool,
    /// Where the Web API is, if not at Slack.
    #[serde(deserialize_with = "range::http_url")]
    pub base_url: Option<String>,
    /// Whether that may be another host than Slack's: it gets the tokens.
    pub allow_unofficial_host: bool,
}
