//! Telegram, polled: only one may.

use std::sync::Arc;

use async_trait::async_trait;
use doubles::platform::{Faults, RunningPlatform, start};
use doubles::telegram::{TelegramDouble, User};

use super::Peer;

const TOKEN: &str = "4242:bench";

pub(super) struct TelegramPeer {
    telegram: Arc<TelegramDouble>,
    running: RunningPlatform,
    ann: User,
}

impl TelegramPeer {
    pub(super) async fn start() -> Self {
        let telegram = Arc::new(TelegramDouble::new());
        telegram.add_bot(TOKEN, "andy_bot");
        let ann = User::new(7, "Ann");
        telegram.private(&ann);
        let running = start(Arc::clone(&telegram), Arc::new(Faults::default())).await.unwrap();
        Self { telegram, running, ann }
    }
}

#[async_trait]
impl Peer for TelegramPeer {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn settings(&self) -> String {
        format!(
            "[channels.telegram]\nbot_token = \"{TOKEN}\"\nbase_url = \"{}\"\nallow_unofficial_host = true\n",
            self.running.url()
        )
    }

    fn chat(&self) -> String {
        format!("tg:{}", self.ann.id)
    }

    fn say(&self, text: &str) {
        self.telegram.say(self.ann.id, &self.ann, text);
    }

    fn conflicts(&self) -> u64 {
        self.telegram.conflicts()
    }
}
