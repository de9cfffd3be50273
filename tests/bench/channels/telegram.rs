//! Telegram: nothing doubled by default, nothing lost by option.

use std::sync::Arc;

use doubles::platform::{Faults, RunningPlatform, start};
use doubles::telegram::TelegramDouble;
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::{Channels, Telegram, WhenUnsure};
use proto::ids::ChatId;
use service::config::Secret;

use super::{Peer, Promise, none_active, only_channel};

const TOKEN: &str = "4242:bench";

pub(super) struct TelegramPeer {
    resend: WhenUnsure,
    telegram: Arc<TelegramDouble>,
    faults: Arc<Faults>,
    running: RunningPlatform,
}

impl TelegramPeer {
    pub(super) async fn start(resend: WhenUnsure) -> Self {
        let (telegram, faults) = (Arc::new(TelegramDouble::new()), Arc::new(Faults::default()));
        telegram.add_bot(TOKEN, "andy_bot");
        telegram.limit_rate(false);
        let running = start(Arc::clone(&telegram), Arc::clone(&faults)).await.unwrap();
        Self {
            resend,
            telegram,
            faults,
            running,
        }
    }
}

impl Peer for TelegramPeer {
    fn name(&self) -> &'static str {
        match self.resend {
            WhenUnsure::Never => "telegram",
            WhenUnsure::Always => "telegram resend=always",
        }
    }

    fn promise(&self) -> Promise {
        self.resend.into()
    }

    fn eased(&self) -> &'static str {
        "Telegram's own limits (a message a second and chat, 20 a minute and group) are off"
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let telegram = Telegram {
            bot_token: Some(Secret::new(TOKEN)),
            base_url: Some(self.running.url()),
            allow_unofficial_host: true,
            resend: self.resend,
            ..Telegram::default()
        };
        let settings = Channels {
            telegram,
            ..none_active()
        };
        only_channel(&settings, deps)
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        let group = |n| ChatId::new(format!("tg:{}", self.telegram.group(&format!("Group {n}"))));
        (0..count).map(group).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let id = chat.as_str().strip_prefix("tg:").unwrap().parse().unwrap();
        self.telegram.sent(id).into_iter().map(|sent| sent.text).collect()
    }
}
