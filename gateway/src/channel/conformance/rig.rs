//! One adapter, its stand-in and the rows: what every scenario begins with, and what tests of an adapter alone do.

use std::sync::Arc;
use std::time::Duration;

use proto::group::ChatSeen;
use proto::ids::{ChatId, GroupId, OutboxId};
use proto::outbound::{Delivery, Extra, OutboxState, Part, next_part};
use proto::time::{Clock, Timestamp};
use service::clock::SystemClock;
use service::ids::RandomIds;

use super::{ChannelDeps, Gateway, Heard, Read, Subject};
use crate::channel::{Channel, Feed, Inbound, ReceiveError};
use crate::files::Files;
use crate::health::Health;
use crate::world::{SOON, World};

/// One scenario's world.
pub(crate) struct Rig<S> {
    pub(crate) subject: S,
    pub(crate) world: World,
    pub(crate) group: GroupId,
    pub(crate) heard: Arc<Heard>,
    channel_name: String,
    account: String,
}

impl<S: Subject> Rig<S> {
    /// A running stand-in whose room and direct chat belong to a group that needs its trigger.
    pub(crate) async fn start() -> Self {
        install_crypto();
        let (world, subject) = (World::new(), S::start().await);
        let group = world.group("family", false).await;
        let heard = Heard::of(&world);
        let mut rig = Self {
            subject,
            world,
            group,
            heard,
            channel_name: String::new(),
            account: String::new(),
        };
        let channel = rig.channel();
        (rig.channel_name, rig.account) = (channel.name().to_owned(), channel.account().to_owned());
        for chat in [rig.subject.room(), rig.subject.direct()] {
            rig.register(&chat).await;
        }
        rig
    }

    /// The adapter of one more gateway.
    pub(crate) fn channel(&self) -> Arc<dyn Channel> {
        self.subject.channel(&self.deps())
    }

    /// What adapters work with. The stand-in lives in real time: signatures and windows are measured by both.
    pub(crate) fn deps(&self) -> ChannelDeps {
        channel_deps(&self.world, Arc::new(SystemClock::new()))
    }

    pub(crate) async fn gateway(&self, name: &str) -> Gateway {
        Gateway::join(&self.world, &self.heard, self.channel(), name).await
    }

    /// A gateway that will send; it is called where the platform tells by that what became of a message.
    pub(crate) async fn sender(&self, name: &str) -> Gateway {
        let mut gateway = self.gateway(name).await;
        if S::TRAITS.receipts {
            gateway.listen(self).await;
        }
        gateway
    }

    /// A gateway that receives.
    pub(crate) async fn live(&self) -> Gateway {
        let mut gateway = self.gateway("a").await;
        gateway.listen(self).await;
        gateway.until_live().await;
        gateway
    }

    /// Registers a chat to the group.
    pub(crate) async fn register(&self, chat: &ChatId) {
        let seen = ChatSeen {
            id: chat.clone(),
            channel: self.channel_name.clone(),
            account: self.account.clone(),
            name: None,
            is_group_chat: Some(true),
            parent: None,
            // By the clock that adapters have.
            seen_at: SystemClock::new().now(),
        };
        self.world.store.see_chat(&seen).await.unwrap();
        self.world.store.register_chat(chat, Some(&self.group)).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// The agent says something.
    pub(crate) async fn say(&self, chat: &ChatId, text: &str, extra: Option<Extra>) -> OutboxId {
        self.world.say_with(chat, text, extra).await
    }

    /// The outbox rows of a chat in order.
    pub(crate) async fn rows(&self, chat: &ChatId) -> Vec<Delivery> {
        self.world.store.deliveries_after(chat, 0, 10_000).await.unwrap()
    }

    pub(crate) async fn is_settled(&self, chat: &ChatId) -> bool {
        let open = |row: &Delivery| matches!(row.state, OutboxState::Pending | OutboxState::Sending);
        !self.rows(chat).await.iter().any(open)
    }

    /// What the assistant has said in a chat.
    pub(crate) fn texts(&self, chat: &ChatId) -> Vec<String> {
        self.subject
            .read(chat)
            .into_iter()
            .map(|Read { text, .. }| text)
            .collect()
    }

    /// Waits until every fault in store has been met.
    pub(crate) async fn until_met(&self) {
        self.until("the fault", |_| self.subject.faults().waiting() == 0).await;
    }

    /// Waits until the inbox satisfies a predicate.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Heard) -> bool) {
        let waited = async {
            while !holds(&self.heard) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(SOON, waited).await.is_err() {
            panic!("not heard: {what}; heard: {:#?}", self.heard.all());
        }
    }
}

/// Another test may have done it.
pub(crate) fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What adapters work with.
pub(crate) fn channel_deps(world: &World, clock: Arc<dyn Clock>) -> ChannelDeps {
    ChannelDeps {
        clock,
        ids: Arc::new(RandomIds),
        random: || 0.5,
        hints: world.hints.clone(),
        store: world.store.clone(),
        files: Files::new(world.blobs()),
        assistant_name: "Andy".to_owned(),
    }
}

/// A delivery that no row stands for, and its first part.
pub(crate) fn bare_delivery(
    world: &World,
    channel: &dyn Channel,
    chat: ChatId,
    text: &str,
    extra: Option<Extra>,
) -> (Delivery, Part) {
    let delivery = Delivery {
        id: OutboxId(world.uuid()),
        chat,
        channel: channel.name().to_owned(),
        account: channel.account().to_owned(),
        group: GroupId::parse("g").expect("it is a name"),
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
        created_at: world.clock.now(),
    };
    let part = next_part(&delivery.text, 0, channel.limits(&delivery));
    (delivery, part)
}

/// Reads the feed of an adapter alone until this holds, or until it ends: then how.
pub(crate) async fn receive_until(
    world: &World,
    heard: &Arc<Heard>,
    channel: Arc<dyn Channel>,
    holds: impl AsyncFn(&Health) -> bool,
) -> Option<Result<(), ReceiveError>> {
    let health = world.health();
    // The lease is of another name than the account's; the position is kept under it all the same.
    let feed = Feed::new(
        Inbound::new(Arc::new(world.intake_through(heard.clone())), channel.clone()),
        world.hold("gateway").await,
        world.store.clone(),
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
            ended = channel.receive(&feed) => Some(ended),
            () = held => None,
        }
    };
    tokio::time::timeout(SOON, either).await.expect("it happens soon")
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, waited).await;
    waited.unwrap_or_else(|_| panic!("never: {what}"));
}
