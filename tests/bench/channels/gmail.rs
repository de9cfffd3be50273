//! Gmail: what it has is found by its `Message-ID` in the mailbox.

use std::sync::Arc;
use std::time::Duration;

use doubles::gmail::{GmailDouble, Mail};
use doubles::platform::{Faults, RunningPlatform, start};
use gateway::channel::{Channel, ChannelDeps};
use gateway::config::{Channels, Gmail, GmailDelivery};
use proto::ids::ChatId;
use tempfile::TempDir;

use super::{Peer, Promise, none_active, only_channel};

/// How long a mail is not found by the search; less than the adapter waits for it.
const SEARCH_LAG: Duration = Duration::from_secs(5);

pub(super) struct GmailPeer {
    platform: Arc<GmailDouble>,
    faults: Arc<Faults>,
    running: RunningPlatform,
    credentials: TempDir,
}

impl GmailPeer {
    pub(super) async fn start() -> Self {
        let platform = Arc::new(GmailDouble::new("andy@example.org"));
        platform.set_search_lag(SEARCH_LAG);
        let faults = Arc::new(Faults::default());
        let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
        let credentials = tempfile::tempdir().unwrap();
        std::fs::write(credentials.path().join("keys.json"), platform.keys_json()).unwrap();
        std::fs::write(credentials.path().join("credentials.json"), platform.credentials_json()).unwrap();
        Self {
            platform,
            faults,
            running,
            credentials,
        }
    }
}

impl Peer for GmailPeer {
    /// A thread of Gmail's has a hundred mails at most.
    const CHATS: usize = 2_048;

    fn name(&self) -> &'static str {
        "gmail"
    }

    fn promise(&self) -> Promise {
        Promise::Reconciled
    }

    fn eased(&self) -> &'static str {
        "Gmail's quota and the number of mails of a day are not enforced; its search lags by 5 s"
    }

    fn channel(&self, deps: &ChannelDeps) -> Arc<dyn Channel> {
        let gmail = Gmail {
            keys_file: self.credentials.path().join("keys.json"),
            credentials_file: self.credentials.path().join("credentials.json"),
            deliver_to: GmailDelivery::Threads,
            api_url: self.running.url(),
            accounts_url: self.running.url(),
            oauth_url: self.running.url(),
            allow_unofficial_host: true,
            ..Gmail::default()
        };
        let settings = Channels { gmail, ..none_active() };
        only_channel(&settings, deps)
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn advance(&self, span: Duration) {
        self.platform.clock.advance(span);
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        let begun = |n| {
            let mail = Mail::new("Ann <ann@example.org>", &format!("Thread {n}"), "Hello");
            ChatId::new(format!("gmail:{}", self.platform.deliver(&mail).thread))
        };
        (0..count).map(begun).collect()
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        let thread = chat.as_str().strip_prefix("gmail:").unwrap();
        let sent = self.platform.sent_in(thread).into_iter();
        sent.map(|mail| mail.text().trim().to_owned()).collect()
    }
}
