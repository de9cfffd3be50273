//! `account-failover`: how long a message waits that is spoken while the gateway that holds the account goes away, and that
//! none of them is lost or taken twice.
//!
//! Real gateways over Postgres and NATS; the platform is a stand-in. Somebody speaks all the time.

mod change;
mod discord;
mod front;
mod gmail;
mod slack;
mod telegram;
mod whatsapp;

use async_trait::async_trait;

use crate::asked;
use change::Bench;

/// A platform with one account, and somebody who speaks there.
#[async_trait]
pub(crate) trait Peer: Send + Sync {
    /// What the row of the table is called: the channel, and how its events come.
    fn name(&self) -> &'static str;

    /// The channel's section of `clawhold.toml`.
    fn settings(&self) -> String;

    /// The chat that is spoken in.
    fn chat(&self) -> String;

    /// Somebody says this there.
    fn say(&self, text: &str);

    /// The gateways' routes are served below this address from now on.
    async fn listen(&self, _base_url: &str) {}

    /// How often a gateway was told that another one has the account.
    fn conflicts(&self) -> u64 {
        0
    }
}

/// Measures all channels one after the other; whether all kept what is promised.
pub(crate) async fn account_failover() -> bool {
    let mut bench = Bench::from_environment();
    bench.measure(telegram::TelegramPeer::start).await;
    bench.measure(slack::SlackPeer::by_socket).await;
    bench.measure(discord::DiscordPeer::start).await;
    bench.measure(gmail::GmailPeer::start).await;
    bench.measure(slack::SlackPeer::by_webhook).await;
    bench.measure(whatsapp::WhatsAppPeer::start).await;
    asked::verdict(&bench.kept)
}
