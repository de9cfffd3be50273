//! Telegram: nothing doubled by default, nothing lost by option.

use std::sync::Arc;

use doubles::platform::{Faults, RunningPlatform, start};
use doubles::telegram::TelegramDouble;
use gateway::channel::telegram::TelegramChannel;
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::{Telegram, WhenUnsure};
use proto::ids::ChatId;
use service::config::Secret;

use super::Peer;

const TOKEN: &str = "4242:bench";

/// What follows when it is unknown whether a message arrived.
pub(super) enum Resend {
    Never,
    Always,
}

pub(super) struct TelegramPeer {
    resend: Resend,
    telegram: Arc<TelegramDouble>,
    faults: Arc<Faults>,
    running: RunningPlatform,
}

impl TelegramPeer {
    pub(super) async fn start(resend: Resend) -> Self {
        let (telegram, faults) = (Arc::new(TelegramDouble::new()), Arc::new(Faults::default()));
        telegram.add_bot(TOKEN, "andy_bot");
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
            Resend::Never => "telegram",
            Resend::Always => "telegram resend=always",
        }
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let config = Telegram {
            bot_token: Some(Secret::new(TOKEN)),
            base_url: Some(self.running.url()),
            allow_unofficial_host: true,
            resend: match self.resend {
                Resend::Never => WhenUnsure::Never,
                Resend::Always => WhenUnsure::Always,
            },
            ..Telegram::default()
        };
        Arc::new(TelegramChannel::configured(&config, deps).unwrap().unwrap())
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        let group = |n| ChatId::new(format!("tg:{}", self.telegram.group(&format!("Group {n}"))));
        (0..count).map(group).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let id = chat
            .as_str()
            .strip_prefix("tg:")
            .and_then(|id| id.parse().ok())
            .unwrap();
        self.telegram.sent(id).into_iter().map(|sent| sent.text).collect()
    }
}
