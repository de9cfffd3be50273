//! One channel's run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use blobs::directory::DirectoryStore;
use bus::local::{LocalHints, LocalIngress};
use doubles::platform::Mix;
use gateway::Metrics;
use gateway::channel::{Channel, ChannelDeps};
use gateway::delivery::{DeliveryLoop, Lease, Tools};
use gateway::files::Files;
use gateway::health::Health;
use prometheus_client::registry::Registry;
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, OutboxId};
use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::outbound::Reply;
use proto::time::{Clock, Monotonic, Timestamp};
use serde_json::json;
use service::clock::SystemClock;
use service::ids::RandomIds;
use service::readiness::Readiness;
use store::Store;
use store::keeper::{Keeper, Takeover};
use store::sqlite::SqliteStore;

use super::Peer;
use super::count::Count;
use crate::report;

/// Messages in all, unless `CLAWHOLD_BENCH_SENDS` says otherwise.
const SENDS: usize = 100_000;
/// Chats they go to.
const CHATS: usize = 250;
const SEED: u64 = 20_261_128;
/// How far the clock moves after a pass: below a heartbeat, so that the hold stays trusted.
const STEP: Duration = Duration::from_millis(250);
/// A run that takes longer has failed.
const RUN_MAX: Duration = Duration::from_secs(1_800);
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A clock that moves when told.
#[derive(Debug, Default)]
struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        START + self.monotonic().0
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

/// Sends everything and prints what became of it.
pub(super) async fn run(peer: &dyn Peer) {
    let directory = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let sends = std::env::var("CLAWHOLD_BENCH_SENDS")
        .ok()
        .and_then(|sends| sends.parse().ok());
    let world = World::new(directory.path());
    let chats = peer.chats(CHATS);
    let channel = world.channel(peer);
    world.fill(&*channel, &chats, sends.unwrap_or(SENDS)).await;
    peer.faults().mix(SEED, Mix::HOSTILE);
    eprintln!("  {}: filled after {:.0} s", peer.name(), begun.elapsed().as_secs_f64());
    world.deliver(channel, begun).await;
    let mut count = Count::default();
    for chat in &chats {
        let rows = world.store.deliveries_after(chat, 0, u32::MAX).await.unwrap();
        count.add(&rows, peer.texts(chat));
    }
    report::print_object(&json!({
        "name": "channels", "channel": peer.name(), "sends": sends.unwrap_or(SENDS), "chats": CHATS,
        "sent": count.sent, "lost": count.lost, "doubled": count.doubled, "uncertain": count.uncertain,
        "uncertain_missing": count.uncertain_missing, "dead": count.dead, "disordered": count.disordered,
        "attempts": count.attempts, "faults": peer.faults().met(), "seconds": begun.elapsed().as_secs(),
        "depends_on": "hostile stand-in: 30 % executed and the answer lost, 10 % 429, 5 % 5xx; real adapter, loop and SQLite",
    }));
}

struct World {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    tools: Tools,
    deps: ChannelDeps,
}

impl World {
    fn new(directory: &Path) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.join("clawhold.db"), START).unwrap());
        let clock = Arc::new(ManualClock::default());
        let hints = Arc::new(LocalHints::new());
        let ingress = Arc::new(LocalIngress::new(store.clone(), hints.clone(), clock.clone()));
        let tools = Tools {
            store: store.clone(),
            ingress,
            hints: hints.clone(),
            clock: clock.clone(),
            random: || 0.5,
            metrics: Metrics::register(&mut Registry::default()),
        };
        let deps = ChannelDeps {
            // The stand-in lives in real time.
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
            random: || 0.5,
            hints,
            store: store.clone(),
            files: Files::new(Arc::new(DirectoryStore::new(directory.join("blobs")))),
            assistant_name: "Andy".to_owned(),
        };
        Self {
            store,
            clock,
            tools,
            deps,
        }
    }

    fn channel(&self, peer: &dyn Peer) -> Arc<dyn Channel> {
        peer.channel(&self.deps)
    }

    /// Registers the chats and puts the messages into the outbox.
    async fn fill(&self, channel: &dyn Channel, chats: &[ChatId], sends: usize) {
        let id = GroupId::parse("bench").unwrap();
        let group = Group {
            id: id.clone(),
            name: "bench".to_owned(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: START,
        };
        self.store.put_group(&group).await.unwrap();
        let filling = chats.iter().enumerate().map(|(index, chat)| {
            let id = &id;
            async move {
                let seen = ChatSeen {
                    id: chat.clone(),
                    channel: channel.name().to_owned(),
                    account: channel.account().to_owned(),
                    name: None,
                    is_group_chat: Some(true),
                    parent: None,
                    seen_at: START,
                };
                self.store.see_chat(&seen).await.unwrap();
                self.store.register_chat(chat, Some(id)).await.unwrap();
                for n in (index..sends).step_by(chats.len()) {
                    self.say(chat, n).await;
                }
            }
        });
        futures::future::join_all(filling).await;
    }

    async fn say(&self, chat: &ChatId, number: usize) {
        let id = OutboxId::fresh(&RandomIds);
        let reply = Reply {
            key: String::new(),
            chat: chat.clone(),
            text: format!("message number {number}"),
            sender: None,
            extra: None,
        };
        self.store
            .put_notice(&id.to_string(), &reply, id, self.clock.now())
            .await
            .unwrap();
    }

    /// Passes until nothing is due and nothing will be.
    async fn deliver(&self, channel: Arc<dyn Channel>, begun: Instant) {
        let name = LeaseName::Account {
            channel: channel.name().to_owned(),
            account: channel.account().to_owned(),
        };
        let mut keeper = Keeper::new(
            self.store.clone(),
            name,
            "bench".to_owned(),
            LeaseTimings::FAST,
            self.clock.clone(),
            || 0.5,
            Takeover::Observe,
        );
        keeper.tick().await.unwrap();
        let part = Readiness::new().part("account".to_owned());
        let health = Health::new(
            channel.name(),
            channel.account(),
            self.clock.clone(),
            part,
            self.tools.metrics.clone(),
        );
        let lease = Lease::of(&keeper);
        let (channel_name, account) = (channel.name().to_owned(), channel.account().to_owned());
        let mut delivery = DeliveryLoop::new(channel, lease, self.tools.clone(), Arc::new(health));
        let far = START + Duration::from_secs(10 * 365 * 24 * 3_600);
        while !self
            .store
            .due_deliveries(&channel_name, &account, far, 1)
            .await
            .unwrap()
            .is_empty()
        {
            assert!(begun.elapsed() < RUN_MAX, "not done within {RUN_MAX:?}");
            keeper.tick().await.unwrap();
            delivery.tick(self.clock.now()).await.unwrap();
            delivery.settle().await;
            self.clock.0.fetch_add(STEP.as_millis() as u64, Ordering::Relaxed);
        }
    }
}
