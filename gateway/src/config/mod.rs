//! Settings of the gateway: sections `gateway`, `http`, `channels` and `security`.

mod discord;
mod gmail;
mod slack;
mod telegram;
mod whatsapp;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use proto::ids::GroupId;
use proto::sender_allowlist::OnInvalid;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use service::config::{Secret, range};

pub use discord::Discord;
pub use gmail::{Gmail, GmailDelivery};
pub use slack::Slack;
pub use telegram::{Telegram, WhenUnsure};
pub use whatsapp::{Template, WhatsApp, WhatsAppAccount};

/// One gateway among those of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Its name, different for each gateway: local chats are delivered under it, where their client is connected.
    #[serde(deserialize_with = "range::not_empty")]
    pub name: String,
}

/// Where HTTP is served (webhooks, `/healthz`, `/readyz`, `/metrics`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port; loopback by default, since nothing but the webhooks authenticates its caller.
    pub listen: SocketAddr,
}

/// The channels that need settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channels {
    /// Where voice notes are made words of (docs/attachments.md); without it they are only kept.
    #[serde(deserialize_with = "range::http_url")]
    pub transcription_url: Option<String>,
    /// The business number of WhatsApp.
    pub whatsapp: WhatsApp,
    /// Webhook accounts by name; the name is part of the address under which an account is reached.
    pub webhook: BTreeMap<String, Webhook>,
    /// The bot on Discord.
    pub discord: Discord,
    /// The mailbox at Gmail.
    pub gmail: Gmail,
    /// The app of Slack.
    pub slack: Slack,
    /// The bot of Telegram.
    pub telegram: Telegram,
}

/// One webhook account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Key of the HMAC with which requests and callbacks are signed.
    pub secret: Secret,
    /// Where replies are sent; without it they are polled.
    #[serde(default, deserialize_with = "range::http_url")]
    pub callback_url: Option<String>,
    /// Group to which chats of this account are registered when they are first heard of; none: they stay unregistered.
    #[serde(default)]
    pub group: Option<GroupId>,
}

/// Who may be heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// File with the sender allowlist (SA-01); without the file everybody may write.
    #[serde(deserialize_with = "range::not_empty")]
    pub sender_allowlist: PathBuf,
    /// What holds while that file cannot be used.
    pub sender_allowlist_on_invalid: SenderAllowlistOnInvalid,
    /// Who may give commands outside of main, as `<channel>:<user id>`, for example `telegram:12345` (OP-01).
    #[serde(deserialize_with = "admins")]
    pub admins: Vec<String>,
}

fn admins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let admins = Vec::<String>::deserialize(deserializer)?;
    let is_named = |admin: &String| {
        let parts = admin.split_once(':');
        parts.is_some_and(|(channel, id)| !channel.is_empty() && !id.is_empty())
    };
    match admins.iter().find(|admin| !is_named(admin)) {
        None => Ok(admins),
        Some(wrong) => Err(D::Error::custom(format!(
            "{wrong:?} is not <channel>:<user id>, for example telegram:12345"
        ))),
    }
}

/// What holds while the sender allowlist cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SenderAllowlistOnInvalid {
    /// Everybody may write, as in NanoClaw (SA-02).
    #[default]
    Allow,
    /// Nobody may.
    Drop,
}

impl From<SenderAllowlistOnInvalid> for OnInvalid {
    fn from(setting: SenderAllowlistOnInvalid) -> Self {
        match setting {
            SenderAllowlistOnInvalid::Allow => Self::AllowEverybody,
            SenderAllowlistOnInvalid::Drop => Self::DropEverybody,
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            name: "local".to_owned(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7300)),
        }
    }
}

impl Default for Security {
    fn default() -> Self {
        Self {
            sender_allowlist: PathBuf::from("~/.config/clawhold/sender-allowlist.json"),
            sender_allowlist_on_invalid: SenderAllowlistOnInvalid::default(),
            admins: Vec::new(),
        }
    }
}
