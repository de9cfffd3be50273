//! The adapter, its store and a mailbox, whose clocks go together.

use std::sync::Arc;
use std::time::Duration;

use doubles::gmail::GmailDouble;
use doubles::platform::{Faults, RunningPlatform, start};
use proto::group::ChatSeen;
use proto::ids::{ChatId, GroupId, OutboxId};
use proto::inbound::Envelope;
use proto::outbound::{Delivery, Extra, OutboxState, Part, Reconciled, next_part};
use proto::time::Clock as _;
use service::config::Secret;
use service::ids::RandomIds;

use super::super::{ACCOUNT, CHANNEL, Gmail};
use crate::channel::{Channel, ChannelDeps, Feed, Inbound, ReceiveError};
use crate::config::{self, GmailDelivery};
use crate::files::Files;
use crate::health::{Health, Receiving};
use crate::world::{SOON, START, World};

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
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
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
        let delivery = Delivery {
            id: OutboxId(self.world.uuid()),
            chat: ChatId::new(format!("{CHANNEL}:{thread}")),
            channel: CHANNEL.to_owned(),
            account: ACCOUNT.to_owned(),
            group: self.group.clone(),
            turn: None,
            seq: 1,
            text: text.to_owned(),
            sender: None,
            extra,
            state: OutboxState::Sending,
            attempts: 1,
            failures: 0,
            sent_through: 0,
            in_doubt: false,
            created_at: self.world.clock.now(),
        };
        let part = next_part(&delivery.text, 0, self.channel.limits(&delivery));
        (delivery, part)
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
        let health = self.world.health();
        let channel: Arc<dyn Channel> = self.channel.clone();
        // The lease is of another name than the account's; the position is kept under it all the same.
        let feed = Feed::new(
            Inbound::new(Arc::new(self.world.intake()), channel),
            self.world.hold("gateway").await,
            self.world.store.clone(),
            health.clone(),
            || 0.5,
        );
        let held = async {
            while !holds(&health).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let either = async {
            tokio::select! {
                ended = self.channel.receive(&feed) => Some(ended),
                () = held => None,
            }
        };
        tokio::time::timeout(SOON, either).await.expect("it happens soon")
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
    let deps = ChannelDeps {
        clock: world.clock.clone(),
        ids: Arc::new(RandomIds),
        random: || 0.5,
        hints: world.hints.clone(),
        store: world.store.clone(),
        files: Files::new(world.blobs()),
        assistant_name: "Andy".to_owned(),
    };
    Arc::new(Gmail::new(settings, &deps).unwrap())
}
