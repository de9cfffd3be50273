//! Slack, by Socket Mode or the Events API (SL-01 to SL-12; SL-D1 to SL-D3 are not here).
//!
//! A thread is a chat of its own, and answers go where the message came from. Slack knows no idempotency key, so each message
//! carries the identity of its delivery as metadata: when an answer was lost, the channel's history tells whether the message
//! arrived. What was written while nobody listened is read from the histories too ([`gap`]).

mod api;
mod emoji;
mod events;
mod format;
mod gap;
mod model;
mod names;
mod place;
mod read;
mod receive;
mod reconcile;
mod send;
mod session;
mod signature;
mod take;
mod typing;
mod webhook;

use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use proto::ids::ChatId;
use proto::outbound::{Delivery, Limits, Part, Reconciled, Resend, SendOutcome, TextUnit};
use proto::time::Clock;
use tokio::sync::OnceCell;

use super::host::checked_base_url;
use super::{Channel, ChannelDeps, Feed, FetchError, Inbound, ReceiveError};
use crate::config;
use crate::files::Files;
use api::{Api, CallError};
use model::Me;
use names::Names;
use reconcile::Doubts;
use session::Sockets;
use signature::Signatures;
use typing::Statuses;

/// Name of the channel.
pub const CHANNEL: &str = "slack";
/// The account: an installation has one app. Ids of Slack's channels are unique over all workspaces, so the name need not
/// change with the workspace either.
const ACCOUNT: &str = "app";
/// The Web API.
const OFFICIAL_URL: &str = "https://slack.com/api";

/// What Slack recommends for one message (SL-11); ten times as much is refused, which leaves room for what escapes add.
const TEXT_MAX: Limits = Limits {
    text_max: 4_000,
    unit: TextUnit::Chars,
};

/// The bot of a Slack app.
pub struct Slack {
    api: Api,
    sockets: Sockets,
    signatures: Option<Signatures>,
    me: OnceCell<Me>,
    names: Names,
    doubts: Doubts,
    statuses: Statuses,
    answer_in_threads: bool,
    files: Files,
    clock: Arc<dyn Clock>,
}

impl Slack {
    /// The app that is configured; none without a bot token.
    ///
    /// # Errors
    /// When the settings cannot be used; says what to do.
    pub fn configured(config: &config::Slack, deps: &ChannelDeps) -> anyhow::Result<Option<Self>> {
        let Some(bot_token) = &config.bot_token else {
            return Ok(None);
        };
        if config.app_token.is_none() && config.signing_secret.is_none() {
            bail!(
                "SLACK_BOT_TOKEN is set, but nothing says how events come: set SLACK_APP_TOKEN for Socket Mode, or \
                 SLACK_SIGNING_SECRET for the Events API (docs/channels/slack.md)"
            );
        }
        let (setting, given) = ("channels.slack", config.base_url.as_deref());
        let base = checked_base_url(setting, given, OFFICIAL_URL, config.allow_unofficial_host)?;
        let app_token = config.app_token.as_ref().map(|token| token.expose());
        Ok(Some(Self {
            api: Api::new(&base, bot_token.expose(), app_token).context("channels.slack")?,
            sockets: Sockets::new(&base)?,
            signatures: config
                .signing_secret
                .as_ref()
                .map(|secret| Signatures::new(secret.expose())),
            me: OnceCell::new(),
            names: Names::new(),
            doubts: Doubts::new(),
            statuses: Statuses::new(),
            answer_in_threads: config.answer_in_threads,
            files: deps.files.clone(),
            clock: Arc::clone(&deps.clock),
        }))
    }

    /// Who we are; asked once.
    async fn me(&self) -> Result<&Me, CallError> {
        self.me.get_or_try_init(|| self.api.read("auth.test", &[])).await
    }
}

#[async_trait]
impl Channel for Slack {
    fn name(&self) -> &str {
        CHANNEL
    }

    fn account(&self) -> &str {
        ACCOUNT
    }

    fn resend(&self) -> Resend {
        Resend::Never
    }

    fn limits(&self, _: &Delivery) -> Limits {
        TEXT_MAX
    }

    async fn send(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        self.send_part(delivery, part).await
    }

    async fn reconcile(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        self.find(delivery, part).await
    }

    async fn typing(&self, chat: &ChatId, on: bool) {
        self.show_status(chat, on).await;
    }

    fn receives(&self) -> bool {
        true
    }

    async fn receive(&self, feed: &Feed) -> Result<(), ReceiveError> {
        // Asked again each time: a token that was revoked says so here.
        let me: Me = self.api.read("auth.test", &[]).await?;
        let me = self.me.get_or_init(|| async { me }).await;
        if self.api.has_socket() {
            self.read_socket(feed, me).await
        } else {
            self.watch(feed, me).await
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
