//! Discord: one bot account.
//!
//! In: the gateway's socket, one connection per [`Channel::receive`]. The session, and how far it was read, are the feed's
//! position, so whoever holds the account next resumes it and Discord replays what was missed ([`receive`]). When the session
//! is over, what was written since is read from the channels' histories ([`gap`]).
//!
//! Out: REST. Each part carries a nonce made of its identity, which Discord keeps unique for a few minutes, so sending it
//! again is harmless that long; later the channel's history says whether it arrived ([`send`]).
//!
//! DC-D1 does not exist here: a reply's quote is no part of the text. Neither does DC-D2: a refused login ends the feed with
//! its reason, and direct messages need no client-side cache.

mod api;
mod buckets;
mod commands;
mod connection;
mod doubt;
mod events;
mod files;
mod gap;
mod history;
mod model;
mod nonce;
mod outcome;
mod places;
mod position;
mod receive;
mod send;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use proto::ids::ChatId;
use proto::outbound::{Delivery, Limits, Part, Reconciled, Resend, SendOutcome, TextUnit};
use proto::time::Clock;

use super::host::checked_base_url;
use super::{Channel, ChannelDeps, Feed, FetchError, ReceiveError};
use crate::config;
use crate::files::Files;
use api::Api;
use commands::Registration;
use doubt::Doubts;
use model::Snowflake;
use places::Places;

/// Name of the channel.
pub const NAME: &str = "discord";
/// Discord's own API.
const OFFICIAL: &str = "https://discord.com/api/v10";
/// Longest text of a message. Discord does not say how it counts; UTF-16 is the strictest reading.
const LIMITS: Limits = Limits {
    text_max: 2_000,
    unit: TextUnit::Utf16,
};

/// One bot account.
pub struct Discord {
    /// The bot's user id: part of its token, and the same for as long as the bot exists.
    account: String,
    bot: Snowflake,
    api: Api,
    places: Places,
    doubts: Doubts,
    registration: Registration,
    files: Files,
    clock: Arc<dyn Clock>,
}

impl Discord {
    /// The account that these settings describe.
    ///
    /// # Errors
    /// When the token is no bot token, or may not go to the address.
    pub fn new(settings: &config::Discord, token: &str, deps: &ChannelDeps) -> anyhow::Result<Self> {
        let bot = bot_of(token).ok_or_else(|| {
            anyhow::anyhow!(
                "DISCORD_BOT_TOKEN is no bot token: copy it from the page \"Bot\" of your application at \
                 https://discord.com/developers/applications (it has three parts with dots between them)"
            )
        })?;
        let base = checked_base_url(
            "channels.discord",
            settings.base_url.as_deref(),
            OFFICIAL,
            settings.allow_unofficial_host,
        )?;
        Ok(Self {
            account: bot.to_string(),
            bot,
            api: Api::new(&base, token, Arc::clone(&deps.clock))?,
            places: Places::new(),
            doubts: Doubts::new(),
            registration: Registration::default(),
            files: deps.files.clone(),
            clock: Arc::clone(&deps.clock),
        })
    }
}

/// The bot's id, which a token begins with.
fn bot_of(token: &str) -> Option<Snowflake> {
    let mut parts = token.split('.');
    let (Some(id), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let id = STANDARD.decode(id).or_else(|_| STANDARD_NO_PAD.decode(id)).ok()?;
    std::str::from_utf8(&id).ok()?.parse().ok()
}

#[async_trait]
impl Channel for Discord {
    fn name(&self) -> &str {
        NAME
    }

    fn account(&self) -> &str {
        &self.account
    }

    fn resend(&self) -> Resend {
        Resend::Harmless
    }

    fn limits(&self, _: &Delivery) -> Limits {
        LIMITS
    }

    async fn send(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        self.send_part(delivery, part).await
    }

    async fn reconcile(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        self.reconcile_part(delivery, part).await
    }

    async fn typing(&self, chat: &ChatId, is_typing: bool) {
        if let (Some(channel), true) = (places::channel_of(chat), is_typing) {
            self.api.typing(channel).await;
        }
    }

    fn receives(&self) -> bool {
        true
    }

    async fn receive(&self, feed: &Feed) -> Result<(), ReceiveError> {
        self.read_feed(feed).await
    }

    async fn fetch_file(&self, reference: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        files::fetch(&self.api, reference, bytes_max).await
    }
}
