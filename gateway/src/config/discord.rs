//! Settings of Discord.

use serde::{Deserialize, Serialize};
use service::config::{Secret, range};

/// The bot on Discord; active as soon as there is a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Discord {
    /// The bot's token (`DISCORD_BOT_TOKEN`).
    pub bot_token: Option<Secret>,
    /// Where the API is, if not at Discord.
    #[serde(deserialize_with = "range::http_url")]
    pub base_url: Option<String>,
    /// Whether that may be another host than Discord's: it gets the token.
    pub allow_unofficial_host: bool,
}
