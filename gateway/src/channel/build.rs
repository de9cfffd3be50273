//! Which channels there are, by configuration: one line each. A channel is active as soon as its credentials exist.

use std::sync::Arc;

use bus::Hints;
use proto::ids::IdSource;
use proto::time::Clock;
use service::random::Random;
use store::Store;

use super::Channel;
use super::discord::Discord;
use super::gmail::Gmail;
use super::slack::Slack;
use super::telegram::TelegramChannel;
use super::whatsapp::WhatsAppChannel;
use crate::config::Channels;
use crate::files::Files;

/// What channels work with.
#[derive(Clone)]
pub struct ChannelDeps {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
    /// Jitter.
    pub random: Random,
    /// "Look now".
    pub hints: Arc<dyn Hints>,
    /// Rows, for channels whose platform tells later what became of a message.
    pub store: Arc<dyn Store>,
    /// Files of deliveries.
    pub files: Files,
    /// Name of the assistant, for channels that say it.
    pub assistant_name: String,
}

/// The channels of the chat platforms that are configured.
///
/// # Errors
/// When a channel's settings cannot be used; says which and what to do.
pub fn build(channels: &Channels, deps: &ChannelDeps) -> anyhow::Result<Vec<Arc<dyn Channel>>> {
    let mut active: Vec<Arc<dyn Channel>> = Vec::new();
    if let Some(whatsapp) = WhatsAppChannel::configured(&channels.whatsapp, deps)? {
        active.push(Arc::new(whatsapp));
    }
    if let Some(token) = &channels.discord.bot_token {
        active.push(Arc::new(Discord::new(&channels.discord, token.expose(), deps)?));
    }
    if channels.gmail.is_active() {
        active.push(Arc::new(Gmail::new(&channels.gmail, deps)?));
    }
    if let Some(slack) = Slack::configured(&channels.slack, deps)? {
        active.push(Arc::new(slack));
    }
    if let Some(channel) = TelegramChannel::configured(&channels.telegram, deps)? {
        active.push(Arc::new(channel));
    }
    Ok(active)
}
