//! The adapter, its store and a mailbox, whose clocks go together.

use std::sync::Arc;
use std::time::Duration;

use doubles::gmail::GmailDouble;
use doubles::platform::{Faults, RunningPlatform, start};
use proto::group::ChatSeen;
use proto::ids::{ChatId, GroupId};
use proto::inbound::Envelope;
use proto::outbound::{Delivery, Extra, Part, Reconciled};
use service::config::Secret;

use super::super::{CHANNEL, Gmail};
use crate::channel::conformance::{Heard, bare_delivery, channel_deps, install_crypto, receive_until};
use crate::channel::{Channel as _, ReceiveError};
use crate::config::{self, GmailDelivery};
use crate::health::{Health, Receiving};
use crate::world::{START, World};

/// The mailbox's address.
pub(super) const ANDY: &str = "andy@example.org";
/// What a push must carry.
pub(super) const PUSH_TOKEN: &str = "push-token-of-the-tests";

pub(super) struct Subject {
    pub(super) platform: Arc<GmailDouble>,
    pub(super) faults: Arc<Faults>,
    pub(super) running: RunningPlatform,
    pub(super) world: World,
    pub(super) channel: Arc<Gmail>,
    pub(super) settings: config::Gmail,
    pub(super) group: GroupId,
}

impl Subject {
    /// A mailbox whose threads are chats of a group.
    pub(super) async fn threads() -> Self {
        Self::new(GmailDelivery::Threads).await
    }

    /// A mailbox whose mail goes to main, which has a chat on another channel.
    pub(super) async fn main() -> Self {
        let subject = Self::new(GmailDelivery::Main).await;
        subject.world.chat("test:main", &subject.group).await;
        subject
    }

    async fn new(deliver_to: GmailDelivery) -> Self {
        install_crypto();
        let platform = Arc::new(GmailDouble::new(ANDY));
        let (now, start_ms) = (platform.clock.now_ms(), u64::try_from(START.as_millis()).unwrap());
        platform.clock.advance(Duration::from_millis(start_ms - now));
        let faults = Arc::new(Faults::default());
        let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
        let world = World::new();
        let group = world.group("g", true).await;
        let file = |name: &str, text: String| {
            let path = world.dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let settings = config::Gmail {
            keys_file: file("keys.json", platform.keys_json()),
            credentials_file: file("credentials.json", platform.credentials_json()),
            deliver_to,
            group: Some(group.clone()),
            poll_interval_ms: 100,
            push_token: Some(Secret::new(PUSH_TOKEN)),
            api_url: running.url(),
            accounts_url: running.url(),
            oauth_url: running.url(),
            allow_unofficial_host: true,
            ..config::Gmail::default()
        };
        Self {
            channel: adapter(&settings, &world),
            platform,
            faults,
            running,
            world,
            settings,
            group,
        }
    }

    /// The same account in a new process, with these settings.
    pub(super) fn restart(&mut self) {
        self.channel = adapter(&self.settings, &self.world);
    }

    /// Time passes for everybody.
    pub(super) fn advance(&self, span: Duration) {
        self.platform.clock.advance(span);
        self.world.clock.advance(span);
    }

    /// A delivery into a thread, and its part.
    pub(super) fn delivery(&self, thread: &str, text: &str, extra: Option<Extra>) -> (Delivery, Part) {
        let chat = ChatId::new(format!("{CHANNEL}:{thread}"));
        bare_delivery(&self.world, &*self.channel, chat, text, extra)
    }

    /// Asks until the platform can tell; time passes as it wishes.
    pub(super) async fn reconciled(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        loop {
            match self.channel.reconcile(delivery, part).await {
                Reconciled::AskLater(wait) => self.advance(wait),
                known => return known,
            }
        }
    }

    /// Reads the feed until this holds, or until it ends.
    pub(super) async fn receive_until(&self, holds: impl AsyncFn(&Health) -> bool) -> Option<Result<(), ReceiveError>> {
        receive_until(&self.world, &Heard::of(&self.world), self.channel.clone(), holds).await
    }

    /// Reads the feed until it is open and looked once.
    pub(super) async fn begin(&self) {
        let is_live = async |health: &Health| health.report().receiving == Receiving::Live;
        assert_eq!(self.receive_until(is_live).await, None);
    }

    /// Reads the feed until these mails carry our label.
    pub(super) async fn receive_labelled(&self, ids: &[&str]) {
        let all = async |_: &Health| ids.iter().all(|id| self.is_labelled(id));
        assert_eq!(self.receive_until(all).await, None, "the feed ended early");
    }

    pub(super) fn is_labelled(&self, id: &str) -> bool {
        let mail = self.platform.mail(id).unwrap();
        mail.labels.iter().any(|label| label == "Clawhold")
    }

    /// What the agent would read.
    pub(super) async fn inbox(&self) -> Vec<Envelope> {
        let (_, batch) = self.world.begin_turn().await;
        batch.messages.into_iter().map(|message| message.envelope).collect()
    }

    /// What a chat is called.
    pub(super) async fn chat_name(&self, chat: &str) -> Option<String> {
        let seen: ChatSeen = self.world.seen(chat);
        self.world.store.chat(&seen.id).await.unwrap()?.name
    }
}

fn adapter(settings: &config::Gmail, world: &World) -> Arc<Gmail> {
    let deps = channel_deps(world, world.clock.clone());
    Arc::new(Gmail::new(settings, &deps).unwrap())
}
