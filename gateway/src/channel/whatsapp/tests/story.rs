//! What the stories of this channel begin with: the adapter, whose clock is the world's, its webhook, and one attempt at a time.

use std::net::SocketAddr;
use std::sync::Arc;

use doubles::platform::Faults;
use doubles::whatsapp::{PHONE_NUMBER_ID, Sent, SentMessage, WhatsAppDouble};
use proto::group::ChatSeen;
use proto::ids::OutboxId;
use proto::inbound::InboxMessage;
use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::outbound::{AfterSend, Delivery, Extra, OutboxState, Part, Reply, SendOutcome, next_part};
use proto::time::Clock as _;
use store::keeper::{Keeper, Takeover};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::{CHANNEL, WhatsAppChannel, chat_of, webhook};
use super::subject::{ANNA, WhatsApp};
use crate::channel::conformance::{Subject as _, channel_deps, install_crypto, until};
use crate::channel::{Channel as _, Inbound};
use crate::config::{self, Template};
use crate::world::World;

pub(super) struct Story {
    pub(super) world: World,
    pub(super) platform: Arc<WhatsAppDouble>,
    pub(super) faults: Arc<Faults>,
    pub(super) channel: Arc<WhatsAppChannel>,
    pub(super) hook: String,
    _subject: WhatsApp<false>,
    _serving: JoinSet<()>,
}

impl Story {
    /// A business number with a webhook; Anna's chat belongs to a group, and she has not written yet.
    pub(super) async fn begin(template: Option<Template>) -> Self {
        install_crypto();
        let (world, subject) = (World::new(), WhatsApp::<false>::start().await);
        let settings = config::WhatsApp {
            template,
            ..subject.config()
        };
        let deps = channel_deps(&world, world.clock.clone());
        let channel = Arc::new(WhatsAppChannel::configured(&settings, &deps).unwrap().unwrap());
        let inbound = Inbound::new(Arc::new(world.intake()), channel.clone());
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        let routes = channel.clone().routes(inbound);
        serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        subject.listen(&base).await;
        subject.platform.add_person(ANNA, "Anna");
        let group = world.group("family", true).await;
        let seen = ChatSeen {
            channel: CHANNEL.to_owned(),
            account: PHONE_NUMBER_ID.to_owned(),
            ..world.seen(chat_of(ANNA).as_str())
        };
        world.store.see_chat(&seen).await.unwrap();
        world.store.register_chat(&seen.id, Some(&group)).await.unwrap();
        Self {
            world,
            platform: Arc::clone(&subject.platform),
            faults: Arc::clone(&subject.faults),
            channel,
            hook: format!("{base}{}", webhook::PATH),
            _subject: subject,
            _serving: serving,
        }
    }

    /// Waits until the webhook has taken everything.
    pub(super) async fn told(&self) {
        until("everything was taken", async || self.platform.untold() == 0).await;
    }

    /// What people said, as the agent gets it.
    pub(super) async fn inbox(&self) -> Vec<InboxMessage> {
        self.told().await;
        self.world.begin_turn().await.1.messages
    }

    /// The agent says something: an attempt at it is charged.
    pub(super) async fn attempt(&self, text: &str, extra: Option<Extra>) -> Delivery {
        let mut keeper = Keeper::new(
            self.world.store.clone(),
            LeaseName::Account {
                channel: CHANNEL.to_owned(),
                account: PHONE_NUMBER_ID.to_owned(),
            },
            "gateway".to_owned(),
            LeaseTimings::FAST,
            self.world.clock.clone(),
            || 0.5,
            Takeover::AtOnce,
        );
        keeper.tick().await.unwrap();
        let hold = keeper.held().borrow().clone().unwrap().hold;
        let id = OutboxId(self.world.uuid());
        let reply = Reply {
            key: String::new(),
            chat: chat_of(ANNA),
            text: text.to_owned(),
            sender: None,
            extra,
        };
        let now = self.world.clock.now();
        self.world
            .store
            .put_notice(&id.to_string(), &reply, id, now)
            .await
            .unwrap();
        self.world.store.begin_delivery(&hold, id, now).await.unwrap().unwrap()
    }

    pub(super) fn part(&self, delivery: &Delivery) -> Part {
        next_part(&delivery.text, delivery.sent_through, self.channel.limits(delivery))
    }

    pub(super) async fn send(&self, delivery: &Delivery) -> SendOutcome {
        self.channel.send(delivery, &self.part(delivery)).await
    }

    pub(super) async fn finish(&self, delivery: &Delivery, after: AfterSend) {
        let now = self.world.clock.now();
        let finished = self
            .world
            .store
            .finish_delivery(delivery.id, delivery.attempts, &after, now);
        finished.await.unwrap();
    }

    pub(super) fn seen_by_anna(&self) -> Vec<Sent> {
        let messages = self.platform.messages(ANNA).into_iter();
        messages.map(|SentMessage { content, .. }| content).collect()
    }

    pub(super) async fn until_row_is(&self, state: OutboxState) {
        until("the row is so", async || {
            self.world.states(&chat_of(ANNA)).await == [state]
        })
        .await;
    }
}
