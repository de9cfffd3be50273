//! Discord: a nonce makes sending again harmless for a few minutes, and the history is asked after them.

use std::sync::Arc;
use std::time::Duration;

use doubles::discord::{Discord as Platform, RateLimits};
use doubles::platform::{Faults, RunningPlatform, start};
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::{Channels, Discord};
use proto::ids::ChatId;
use service::config::Secret;

use super::{Peer, Promise, none_active, only_channel};

pub(super) struct DiscordPeer {
    platform: Platform,
    guild: u64,
    faults: Arc<Faults>,
    running: RunningPlatform,
}

impl DiscordPeer {
    pub(super) async fn start() -> Self {
        let (platform, faults) = (Platform::new("clawhold"), Arc::new(Faults::default()));
        platform.set_rate_limits(RateLimits::none());
        let running = start(Arc::new(platform.clone()), Arc::clone(&faults)).await.unwrap();
        Self {
            guild: platform.add_guild("Workshop"),
            platform,
            faults,
            running,
        }
    }
}

impl Peer for DiscordPeer {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn promise(&self) -> Promise {
        Promise::Exact
    }

    fn eased(&self) -> &'static str {
        "Discord's own limits (5 messages in 5 seconds and channel, 50 requests a second) are off"
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let discord = Discord {
            bot_token: Some(Secret::new(self.platform.token())),
            base_url: Some(format!("{}/api/v10", self.running.url())),
            allow_unofficial_host: true,
        };
        let settings = Channels {
            discord,
            ..none_active()
        };
        only_channel(&settings, deps)
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn advance(&self, span: Duration) {
        self.platform.clock().advance(span);
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        let channels = (0..count).map(|n| self.platform.add_channel(self.guild, &format!("room-{n}")));
        channels.map(|channel| ChatId::new(format!("dc:{channel}"))).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let channel = chat.as_str().strip_prefix("dc:").unwrap().parse().unwrap();
        let sent = self.platform.messages(channel).into_iter();
        sent.map(|sent| sent.text).collect()
    }
}
