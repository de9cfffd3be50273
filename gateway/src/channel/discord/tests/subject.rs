//! The adapter, its store and a Discord, whose clocks go together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bus::{Accepted, Ingress, IngressError};
use doubles::discord::{Discord as Platform, RateLimits};
use doubles::platform::{Faults, RunningPlatform, start};
use proto::ids::{ChatId, GroupId, OutboxId};
use proto::inbound::Envelope;
use proto::outbound::{Delivery, Extra, OutboxState, Part, next_part};
use proto::time::Clock as _;
use service::ids::RandomIds;

use super::super::Discord;
use crate::channel::{Channel, ChannelDeps, Feed, Inbound, ReceiveError};
use crate::config;
use crate::files::Files;
use crate::health::{Health, Receiving};
use crate::world::{SOON, START, World};

/// The ingress, and how much it was given that is new.
pub(super) struct Heard {
    ingress: Arc<dyn Ingress>,
    taken: AtomicUsize,
}

#[async_trait]
impl Ingress for Heard {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        let accepted = self.ingress.accept(envelope).await?;
        if accepted.is_new {
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
        Ok(accepted)
    }
}

pub(super) struct Subject {
    pub(super) platform: Platform,
    pub(super) faults: Arc<Faults>,
    pub(super) running: RunningPlatform,
    pub(super) world: World,
    pub(super) channel: Arc<Discord>,
    /// On Discord: a guild, its channel, a person.
    pub(super) guild: u64,
    pub(super) room: u64,
    pub(super) ada: u64,
    group: GroupId,
    heard: Arc<Heard>,
}

impl Subject {
    pub(super) async fn new() -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let platform = Platform::new("clawhold");
        let (now, start_ms) = (platform.clock().now_ms(), u64::try_from(START.as_millis()).unwrap());
        platform.clock().advance(Duration::from_millis(start_ms - now));
        platform.set_identify_pause(Duration::ZERO);
        platform.set_rate_limits(RateLimits::none());
        let guild = platform.add_guild("Workshop");
        let room = platform.add_channel(guild, "general");
        let ada = platform.add_user("Ada");
        let faults = Arc::new(Faults::default());
        let running = start(Arc::new(platform.clone()), Arc::clone(&faults)).await.unwrap();
        let world = World::new();
        let group = world.group("g", true).await;
        let channel = adapter(&platform, &running, &world);
        let heard = Arc::new(Heard {
            ingress: world.ingress.clone(),
            taken: AtomicUsize::new(0),
        });
        let subject = Self {
            heard,
            platform,
            faults,
            running,
            world,
            channel,
            guild,
            room,
            ada,
            group,
        };
        subject.register(&format!("dc:{room}")).await;
        subject
    }

    /// The same account in a new process.
    pub(super) fn restart(&mut self) {
        self.channel = adapter(&self.platform, &self.running, &self.world);
    }

    /// Time passes for everybody.
    pub(super) fn advance(&self, span: Duration) {
        self.platform.clock().advance(span);
        self.world.clock.advance(span);
    }

    pub(super) async fn register(&self, chat: &str) {
        let chat = self.world.store.see_chat(&self.world.seen(chat)).await.unwrap().id;
        self.world.store.register_chat(&chat, Some(&self.group)).await.unwrap();
    }

    /// A delivery to the room, and its first part.
    pub(super) fn delivery(&self, text: &str, extra: Option<Extra>) -> (Delivery, Part) {
        let delivery = Delivery {
            id: OutboxId(self.world.uuid()),
            chat: ChatId::new(format!("dc:{}", self.room)),
            channel: "discord".to_owned(),
            account: self.channel.account().to_owned(),
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

    /// Reads the feed until this holds, or until it ends.
    pub(super) async fn receive_until(&self, holds: impl AsyncFn(&Health) -> bool) -> Option<Result<(), ReceiveError>> {
        let health = self.world.health();
        let channel: Arc<dyn Channel> = self.channel.clone();
        let feed = Feed::new(
            Inbound::new(Arc::new(self.world.intake_through(self.heard.clone())), channel),
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

    /// Reads the feed until it ends.
    pub(super) async fn receive(&self) -> Result<(), ReceiveError> {
        self.receive_until(async |_| false).await.expect("nothing else ends it")
    }

    /// Reads the feed until so many messages were taken in all.
    pub(super) async fn receive_messages(&self, count: usize) {
        let ended = self.receive_until(async |_| self.taken() >= count).await;
        assert_eq!(ended, None, "the feed ended early");
    }

    pub(super) async fn receive_until_live(&self) {
        let is_live = async |health: &Health| health.report().receiving == Receiving::Live;
        assert_eq!(self.receive_until(is_live).await, None);
    }

    pub(super) fn taken(&self) -> usize {
        self.heard.taken.load(Ordering::SeqCst)
    }

    /// What the agent would read: chat and text, in the order of the inbox.
    pub(super) async fn inbox(&self) -> Vec<(String, String)> {
        let (_, batch) = self.world.begin_turn().await;
        let read = batch.messages.into_iter().map(|message| message.envelope);
        read.map(|envelope| (envelope.chat.to_string(), envelope.text))
            .collect()
    }

    pub(super) async fn texts(&self) -> Vec<String> {
        self.inbox().await.into_iter().map(|(_, text)| text).collect()
    }
}

fn adapter(platform: &Platform, running: &RunningPlatform, world: &World) -> Arc<Discord> {
    let settings = config::Discord {
        bot_token: None,
        base_url: Some(format!("{}/api/v10", running.url())),
        allow_unofficial_host: true,
    };
    let deps = ChannelDeps {
        clock: world.clock.clone(),
        ids: Arc::new(RandomIds),
        random: || 0.5,
        hints: world.hints.clone(),
        store: world.store.clone(),
        files: Files::new(world.blobs()),
        assistant_name: "Andy".to_owned(),
    };
    Arc::new(Discord::new(&settings, &platform.token(), &deps).unwrap())
}
