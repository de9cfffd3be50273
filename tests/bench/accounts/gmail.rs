//! Gmail, looked at every half second instead of every minute, which would be all that is measured.

use std::sync::Arc;

use async_trait::async_trait;
use doubles::gmail::{Delivered, GmailDouble, Mail};
use doubles::platform::{Faults, RunningPlatform, start};
use tempfile::TempDir;

use super::Peer;

pub(super) struct GmailPeer {
    gmail: Arc<GmailDouble>,
    running: RunningPlatform,
    thread: Delivered,
    credentials: TempDir,
}

impl GmailPeer {
    pub(super) async fn start() -> Self {
        let gmail = Arc::new(GmailDouble::new("andy@example.org"));
        let running = start(Arc::clone(&gmail), Arc::new(Faults::default())).await.unwrap();
        let credentials = tempfile::tempdir().unwrap();
        std::fs::write(credentials.path().join("keys.json"), gmail.keys_json()).unwrap();
        std::fs::write(credentials.path().join("credentials.json"), gmail.credentials_json()).unwrap();
        let begun = Mail::new("Ann <ann@example.org>", "Hello", "Hello");
        Self {
            thread: gmail.deliver(&begun),
            gmail,
            running,
            credentials,
        }
    }
}

#[async_trait]
impl Peer for GmailPeer {
    fn name(&self) -> &'static str {
        "gmail"
    }

    fn settings(&self) -> String {
        let (directory, url) = (self.credentials.path().display(), self.running.url());
        format!(
            "[channels.gmail]\nkeys_file = \"{directory}/keys.json\"\ncredentials_file = \"{directory}/credentials.json\"\n\
             deliver_to = \"threads\"\npoll_interval_ms = 500\napi_url = \"{url}\"\naccounts_url = \"{url}\"\n\
             oauth_url = \"{url}\"\nallow_unofficial_host = true\n"
        )
    }

    fn chat(&self) -> String {
        format!("gmail:{}", self.thread.thread)
    }

    fn say(&self, text: &str) {
        let mail = Mail::new("Ann <ann@example.org>", "Re: Hello", text);
        let answered = format!("<{}>", self.thread.message_id);
        self.gmail.deliver(&mail.header("In-Reply-To", &answered));
    }
}
