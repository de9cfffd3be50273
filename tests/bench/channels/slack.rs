//! Slack: what it has is found by its metadata in the history.

use std::sync::Arc;
use std::time::Duration;

use doubles::platform::{Faults, RunningPlatform, start};
use doubles::slack::{APP_TOKEN, BOT_TOKEN, Slack as Platform};
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::{Channels, Slack};
use proto::ids::ChatId;
use service::config::Secret;

use super::{Peer, Promise, none_active, only_channel};

pub(super) struct SlackPeer {
    platform: Platform,
    faults: Arc<Faults>,
    running: RunningPlatform,
}

impl SlackPeer {
    pub(super) async fn start() -> Self {
        let (platform, faults) = (Platform::new("Andy"), Arc::new(Faults::default()));
        platform.limit_rates(false);
        let running = start(Arc::new(platform.clone()), Arc::clone(&faults)).await.unwrap();
        Self {
            platform,
            faults,
            running,
        }
    }
}

impl Peer for SlackPeer {
    /// The history of a chat is read from the delivery on, and all of them were written at the beginning.
    const CHATS: usize = 1_024;

    fn name(&self) -> &'static str {
        "slack"
    }

    fn promise(&self) -> Promise {
        Promise::Reconciled
    }

    fn eased(&self) -> &'static str {
        "Slack's own limits (a message a second and channel, calls a minute and method) are off"
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let slack = Slack {
            bot_token: Some(Secret::new(BOT_TOKEN)),
            app_token: Some(Secret::new(APP_TOKEN)),
            base_url: Some(format!("{}/api", self.running.url())),
            allow_unofficial_host: true,
            ..Slack::default()
        };
        let settings = Channels { slack, ..none_active() };
        only_channel(&settings, deps)
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn advance(&self, span: Duration) {
        self.platform.clock().advance(span);
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        let channel = |n| ChatId::new(format!("slack:{}", self.platform.add_channel(&format!("channel-{n}"))));
        (0..count).map(channel).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let channel = chat.as_str().strip_prefix("slack:").unwrap();
        let sent = self.platform.messages(channel).into_iter();
        sent.map(|sent| sent.text).collect()
    }
}
