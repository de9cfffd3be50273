//! `channels`: a hundred thousand sends of every channel against a platform that executes and forgets to answer, refuses and
//! breaks.
//!
//! The real adapter, the real delivery loop and real rows on SQLite; the platform is a stand-in behind real sockets. What
//! people can read is compared with what the rows say, and with what the channel promises.

mod cli;
mod clock;
mod count;
mod discord;
mod gmail;
mod promise;
mod run;
mod slack;
mod telegram;
mod webhook;
mod whatsapp;
mod world;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use doubles::platform::Faults;
use gateway::channel::{Channel, ChannelDeps, build};
use gateway::config::{Channels, Gmail, WhenUnsure};
use proto::ids::ChatId;

use crate::asked;
use promise::Promise;
use run::Bench;

/// A channel's adapter over its stand-in.
#[async_trait]
pub(crate) trait Peer: Send + Sync + 'static {
    /// Chats that the messages go to, in all.
    const CHATS: usize = 256;

    /// What the row of the table is called: the channel, and the option if there is one.
    fn name(&self) -> &'static str;

    /// What becomes of a message whose answer was lost.
    fn promise(&self) -> Promise;

    /// What the stand-in does not do as its platform does, so that the run ends in time.
    fn eased(&self) -> &'static str;

    /// The adapter.
    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel>;

    /// The gateway's routes are served below this address from now on.
    async fn listen(&self, _base_url: &str) {}

    /// What goes wrong.
    fn faults(&self) -> &Faults;

    /// Moves the stand-in's clock on.
    fn advance(&self, _span: Duration) {}

    /// Makes chats to send to.
    fn chats(&self, count: usize) -> Vec<ChatId>;

    /// What people read in a chat, in order.
    fn texts(&self, chat: &ChatId) -> Vec<String>;
}

/// Runs all channels one after the other; whether all kept what they promise.
pub(crate) async fn channels() -> bool {
    // The process has one; the first measurement installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut bench = Bench::from_environment();
    for resend in [WhenUnsure::Never, WhenUnsure::Always] {
        bench
            .measure(async || telegram::TelegramPeer::start(resend).await)
            .await;
    }
    bench.measure(slack::SlackPeer::start).await;
    bench.measure(discord::DiscordPeer::start).await;
    bench.measure(gmail::GmailPeer::start).await;
    for resend in [WhenUnsure::Never, WhenUnsure::Always] {
        bench
            .measure(async || whatsapp::WhatsAppPeer::start(resend).await)
            .await;
    }
    bench.measure(webhook::WebhookPeer::start).await;
    bench.measure(async || cli::CliPeer::default()).await;
    asked::verdict(&bench.kept)
}

/// Settings under which no channel is active, whatever lies in the home directory.
fn none_active() -> Channels {
    Channels {
        gmail: Gmail {
            enabled: false,
            ..Gmail::default()
        },
        ..Channels::default()
    }
}

/// The one channel that these settings make active.
fn only_channel(settings: &Channels, deps: &ChannelDeps) -> Arc<dyn Channel> {
    build(settings, deps).unwrap().pop().unwrap()
}
