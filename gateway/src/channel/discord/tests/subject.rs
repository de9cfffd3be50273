//! The adapter, its store and a Discord, whose clocks go together.

use std::sync::Arc;
use std::time::Duration;

use doubles::discord::{Discord as Platform, RateLimits};
use doubles::platform::{Faults, RunningPlatform, start};
use proto::ids::{ChatId, GroupId};
use proto::outbound::{Delivery, Extra, Part};

use super::super::Discord;
use crate::channel::ReceiveError;
use crate::channel::conformance::{Heard, bare_delivery, channel_deps, install_crypto, receive_until};
use crate::config;
use crate::health::{Health, Receiving};
use crate::world::{START, World};

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
        install_crypto();
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
        let subject = Self {
            heard: Heard::of(&world),
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
        let room = ChatId::new(format!("dc:{}", self.room));
        bare_delivery(&self.world, &*self.channel, room, text, extra)
    }

    /// Reads the feed until this holds, or until it ends.
    pub(super) async fn receive_until(&self, holds: impl AsyncFn(&Health) -> bool) -> Option<Result<(), ReceiveError>> {
        receive_until(&self.world, &self.heard, self.channel.clone(), holds).await
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
        self.heard.all().len()
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
    let deps = channel_deps(world, world.clock.clone());
    Arc::new(Discord::new(&settings, &platform.token(), &deps).unwrap())
}
