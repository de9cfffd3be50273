//! Telegram, by the Bot API (TG-01 to TG-08, OP-06; what TG-D1 lacks is here).
//!
//! Updates come by long polls or by a webhook. Topics of a forum are chats of their own. The Bot API knows no idempotency key
//! and no history, so whether a send arrived whose answer was lost cannot be known: by default such a message is left
//! uncertain and said once at most, by `channels.telegram.resend = "always"` it is said once at least.

mod api;
mod events;
mod files;
mod format;
mod moved;
mod place;
mod pool;
mod receive;
mod send;
mod webhook;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use proto::ids::ChatId;
use proto::outbound::{Delivery, Extra, Limits, Part, Resend, SendOutcome, TextUnit};
use proto::time::Clock;
use serde_json::{Value, json};
use store::Store;
use tokio::sync::OnceCell;

use super::host::checked_base_url;
use super::{Channel, ChannelDeps, Feed, FetchError, Inbound, ReceiveError};
use crate::config::Telegram;
use crate::files::Files;
use api::Api;
use moved::Moved;
use place::Place;
use pool::Pool;
use webhook::Webhook;
use wire::User;

/// Name of the channel.
pub const CHANNEL: &str = "telegram";
/// The Bot API.
const OFFICIAL_URL: &str = "https://api.telegram.org";

/// What one message holds, after Telegram has read its formatting.
const TEXT_MAX: Limits = Limits {
    text_max: 4_096,
    unit: TextUnit::Utf16,
};
/// What the caption of a file holds.
const CAPTION_MAX: Limits = Limits {
    text_max: 1_024,
    unit: TextUnit::Utf16,
};

/// One bot of Telegram, and the bots of its pool.
pub struct TelegramChannel {
    account: String,
    api: Api,
    pool: Pool,
    me: OnceCell<User>,
    moved: Moved,
    webhook: Option<Webhook>,
    resend: Resend,
    files: Files,
    store: Arc<dyn Store>,
    assistant_name: String,
    clock: Arc<dyn Clock>,
    /// Whether the feed ended badly last time.
    troubled: AtomicBool,
}

impl TelegramChannel {
    /// The bot that is configured; none without a token.
    ///
    /// # Errors
    /// When the settings cannot be used; says what to do.
    pub fn configured(config: &Telegram, deps: &ChannelDeps) -> anyhow::Result<Option<Self>> {
        let Some(token) = &config.bot_token else {
            return Ok(None);
        };
        let setting = "channels.telegram";
        let base = checked_base_url(
            setting,
            config.base_url.as_deref(),
            OFFICIAL_URL,
            config.allow_unofficial_host,
        )?;
        let token = token.expose();
        let account = bot_id(token).context("TELEGRAM_BOT_TOKEN (channels.telegram.bot_token)")?;
        let pool = config.bot_pool.as_ref().map(|pool| pool.expose()).unwrap_or_default();
        let pool = pool.split(',').map(str::trim).filter(|token| !token.is_empty());
        let pool = pool.map(|token| {
            bot_id(token).context("TELEGRAM_BOT_POOL (channels.telegram.bot_pool)")?;
            Api::new(&base, token)
        });
        let webhook = config.webhook_url.as_deref();
        Ok(Some(Self {
            api: Api::new(&base, token)?,
            pool: Pool::new(pool.collect::<anyhow::Result<_>>()?),
            me: OnceCell::new(),
            moved: Moved::default(),
            webhook: webhook.map(|url| Webhook::new(url, &account, token)),
            resend: config.resend.into(),
            files: deps.files.clone(),
            store: Arc::clone(&deps.store),
            assistant_name: deps.assistant_name.clone(),
            clock: Arc::clone(&deps.clock),
            troubled: AtomicBool::new(false),
            account,
        }))
    }
}

/// The id of the bot: the number before the colon of its token. It stays when the token is changed.
fn bot_id(token: &str) -> anyhow::Result<String> {
    match token.split_once(':') {
        Some((id, secret)) if id.parse::<u64>().is_ok() && !secret.is_empty() => Ok(id.to_owned()),
        _ => bail!("is no bot token: @BotFather gives one of the form 123456:ABC-DEF"),
    }
}

#[async_trait]
impl Channel for TelegramChannel {
    fn name(&self) -> &str {
        CHANNEL
    }

    fn account(&self) -> &str {
        &self.account
    }

    fn resend(&self) -> Resend {
        self.resend
    }

    fn limits(&self, delivery: &Delivery) -> Limits {
        match delivery.extra {
            Some(Extra::File(_)) if delivery.sent_through == 0 => CAPTION_MAX,
            _ => TEXT_MAX,
        }
    }

    async fn send(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        self.send_part(delivery, part).await
    }

    async fn typing(&self, chat: &ChatId, on: bool) {
        let Some(place) = Place::parse(chat).filter(|_| on) else {
            return;
        };
        let place = self.moved.follow(place);
        let mut parameters = json!({ "chat_id": place.chat, "action": "typing" });
        if let Some(thread) = place.thread {
            parameters["message_thread_id"] = json!(thread);
        }
        // TG-08: nobody misses it.
        let _ = self.api.call::<Value>("sendChatAction", &parameters).await;
    }

    fn receives(&self) -> bool {
        true
    }

    async fn receive(&self, feed: &Feed) -> Result<(), ReceiveError> {
        match &self.webhook {
            Some(webhook) => self.watch(feed, webhook).await,
            None => self.poll(feed).await,
        }
    }

    fn routes(self: Arc<Self>, inbound: Inbound) -> Router {
        webhook::routes(self, inbound)
    }

    async fn fetch_file(&self, reference: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        self.fetch(reference, bytes_max).await
    }
}

#[cfg(test)]
mod tests;
