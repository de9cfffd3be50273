//! Slack, by Socket Mode or by the Events API, whose calls any gateway takes.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use doubles::platform::{Faults, RunningPlatform, start};
use doubles::slack::{APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Slack};
use tokio::task::JoinSet;

use super::Peer;

pub(super) struct SlackPeer {
    is_socket: bool,
    slack: Slack,
    running: RunningPlatform,
    ann: String,
    channel: String,
    delivering: Mutex<JoinSet<()>>,
}

impl SlackPeer {
    pub(super) async fn by_socket() -> Self {
        Self::start(true).await
    }

    pub(super) async fn by_webhook() -> Self {
        Self::start(false).await
    }

    async fn start(is_socket: bool) -> Self {
        let slack = Slack::new("Andy");
        let running = start(Arc::new(slack.clone()), Arc::new(Faults::default()))
            .await
            .unwrap();
        Self {
            is_socket,
            running,
            ann: slack.add_user("Ann"),
            channel: slack.add_channel("family"),
            slack,
            delivering: Mutex::default(),
        }
    }
}

#[async_trait]
impl Peer for SlackPeer {
    fn name(&self) -> &'static str {
        if self.is_socket { "slack socket" } else { "slack events" }
    }

    fn settings(&self) -> String {
        let way = if self.is_socket {
            format!("app_token = \"{APP_TOKEN}\"")
        } else {
            format!("signing_secret = \"{SIGNING_SECRET}\"")
        };
        format!(
            "[channels.slack]\nbot_token = \"{BOT_TOKEN}\"\n{way}\nbase_url = \"{}/api\"\nallow_unofficial_host = true\n",
            self.running.url()
        )
    }

    fn chat(&self) -> String {
        format!("slack:{}", self.channel)
    }

    fn say(&self, text: &str) {
        self.slack.say(&self.channel, &self.ann, text);
    }

    async fn listen(&self, base_url: &str) {
        if !self.is_socket {
            let (slack, url) = (self.slack.clone(), format!("{base_url}/slack/events"));
            let deliver = async move { slack.deliver_events_to(&url).await };
            self.delivering.lock().unwrap().spawn(deliver);
        }
    }
}
