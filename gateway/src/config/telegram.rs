//! Settings of Telegram.

use proto::outbound::Resend;
use serde::{Deserialize, Serialize};
use service::config::{Secret, range};

/// The bot of Telegram; active as soon as it has a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telegram {
    /// The token that @BotFather gave (`TELEGRAM_BOT_TOKEN`).
    pub bot_token: Option<Secret>,
    /// Tokens of further bots, separated by commas, that speak for the roles of agents (`TELEGRAM_BOT_POOL`).
    pub bot_pool: Option<Secret>,
    /// Public address of this installation, below which Telegram calls; without it updates are polled.
    #[serde(deserialize_with = "range::http_url")]
    pub webhook_url: Option<String>,
    /// What happens to a message when it cannot be known whether it arrived.
    pub resend: WhenUnsure,
    /// Where the Bot API is, if not at Telegram.
    #[serde(deserialize_with = "range::http_url")]
    pub base_url: Option<String>,
    /// Whether that may be another host than Telegram's: it gets the token.
    pub allow_unofficial_host: bool,
}

/// What happens to a message when it cannot be known whether it arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnsure {
    /// It is left, visibly: nobody reads anything twice.
    #[default]
    Never,
    /// It is sent again: nothing is lost, and some messages are read twice.
    Always,
}

impl From<WhenUnsure> for Resend {
    fn from(setting: WhenUnsure) -> Self {
        match setting {
            WhenUnsure::Never => Self::Never,
            WhenUnsure::Always => Self::Harmless,
        }
    }
}
