//! One runner with everything around it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use blobs::BlobStore;
use blobs::directory::DirectoryStore;
use bus::local::LocalHints;
use bus::{Hint, Hints};
use chrono_tz::Tz;
use prometheus_client::registry::Registry;
use proto::claim::{ClaimRequest, Fence};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, RunnerId};
use proto::inbound::{Details, Envelope};
use proto::time::{Clock, ManualClock, Timestamp};
use runner::config::{self, Model};
use runner::sandbox::memory::{MemoryEngine, MemoryRuntime};
use runner::sandbox::{Contract, ImageInfo};
use runner::{Config, Deps, Metrics};
use service::ids::RandomIds;
use service::lifecycle::Lifecycle;
use service::readiness::Readiness;
use store::memory::MemoryStore;
use store::outage::Outage;
use store::{Store, TurnRecord};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::agent::Agents;
use crate::away::Away;
use crate::rough::Rough;

pub(crate) const RUNNER: &str = "here";
const IMAGE: &str = "agent";
const INSTALL: &str = "test";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) agents: Agents,
    pub(crate) engine: MemoryEngine,
    pub(crate) rough: Arc<Rough>,
    /// The rows, and the way to them that can be in trouble.
    pub(crate) rows: Arc<MemoryStore>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) clock: ManualClock,
    pub(crate) readiness: Readiness,
    pub(crate) lease: config::Lease,
    pub(crate) slots: u32,
    pub(crate) keep_copies_ms: u64,
    /// Where groups keep their files, if they do.
    pub(crate) blobs: Option<Arc<Away>>,
    pub(crate) hints: Arc<LocalHints>,
    lifecycle: Lifecycle,
    data: TempDir,
    messages: AtomicU32,
}

impl World {
    pub(crate) fn prepare() -> Self {
        // Installed already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (agents, engine, rows) = (Agents::default(), MemoryEngine::new(), Arc::new(MemoryStore::new()));
        let image = ImageInfo {
            id: "sha256:agent".to_owned(),
            contract: Contract::Own,
            entrypoint: vec!["agent".to_owned()],
            cmd: Vec::new(),
            env: Vec::new(),
            working_dir: None,
        };
        engine.add_image(IMAGE, image, agents.program());
        Self {
            rough: Arc::new(Rough::around(MemoryRuntime::new(engine.clone(), INSTALL))),
            outage: Arc::new(Outage::around(Arc::clone(&rows) as Arc<dyn Store>)),
            // Long after any file of this test was written.
            clock: ManualClock::at(Timestamp::from_millis(4_000_000_000_000)),
            readiness: Readiness::new(),
            lease: config::Lease::default(),
            slots: config::Runner::default().slots,
            keep_copies_ms: config::Runner::default().keep_copies_ms,
            blobs: None,
            hints: Arc::new(LocalHints::new()),
            lifecycle: Lifecycle::new(),
            data: TempDir::new().unwrap(),
            messages: AtomicU32::default(),
            agents,
            engine,
            rows,
        }
    }

    pub(crate) async fn start() -> Self {
        let world = Self::prepare();
        world.start_runner().await.unwrap().unwrap();
        world
    }

    /// Groups keep their files where other runners find them.
    pub(crate) fn with_blobs(mut self) -> (Self, Arc<Away>) {
        let blobs = Arc::new(Away::at(self.data.path().join("blobs")));
        self.blobs = Some(Arc::clone(&blobs));
        (self, blobs)
    }

    pub(crate) fn start_runner(&self) -> JoinHandle<anyhow::Result<()>> {
        self.start_runner_as(RUNNER, &self.lifecycle)
    }

    /// One of another name, with files of its own and a life of its own.
    pub(crate) fn start_runner_as(&self, name: &str, lifecycle: &Lifecycle) -> JoinHandle<anyhow::Result<()>> {
        let config = Config {
            install: INSTALL.to_owned(),
            data_dir: self.data.path().join(name),
            installation: Vec::new(),
            group_quota_mb: 1,
            assistant_name: "Andy".to_owned(),
            timezone: Tz::UTC,
            runner: config::Runner {
                name: name.to_owned(),
                slots: self.slots,
                keep_copies_ms: self.keep_copies_ms,
                lease: self.lease,
                mount_allowlist: self.data.path().join("none.json"),
                ..config::Runner::default()
            },
            sandbox: config::Sandbox {
                image: IMAGE.to_owned(),
                ..config::Sandbox::default()
            },
            model: Model::default(),
        };
        let deps = Deps {
            store: Arc::clone(&self.outage) as Arc<dyn Store>,
            hints: Arc::clone(&self.hints) as Arc<dyn Hints>,
            runtime: Arc::clone(&self.rough) as _,
            blobs: self.blobs.clone().map(|blobs| blobs as Arc<dyn BlobStore>),
            files: Arc::new(DirectoryStore::new(self.data.path().join("files"))),
            clock: Arc::new(self.clock.clone()),
            ids: Arc::new(RandomIds),
            random: || 0.5,
            readiness: self.readiness.clone(),
            metrics: Metrics::register(&mut Registry::default()),
        };
        let lifecycle = lifecycle.clone();
        tokio::spawn(async move { runner::start(config, deps, &lifecycle).await })
    }

    /// Where a runner has the workspace of a group.
    pub(crate) fn workspace(&self, runner: &str, group: &str) -> PathBuf {
        self.data.path().join(runner).join("groups").join(group)
    }

    pub(crate) async fn group(&self, name: &str) -> GroupId {
        let id = GroupId::parse(name).unwrap();
        let group = Group {
            id: id.clone(),
            name: name.to_owned(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: self.clock.now(),
        };
        self.rows.put_group(&group).await.unwrap();
        let seen = ChatSeen {
            id: chat_of(name),
            channel: "test".to_owned(),
            account: "bot".to_owned(),
            name: None,
            parent: None,
            is_group_chat: None,
            seen_at: self.clock.now(),
        };
        self.rows.see_chat(&seen).await.unwrap();
        self.rows.register_chat(&chat_of(name), Some(&id)).await.unwrap();
        id
    }

    /// Something said in a group, which nobody is told of.
    pub(crate) async fn append(&self, group: &str, text: &str) {
        let envelope = Envelope {
            dedup_key: format!("test:{}", self.messages.fetch_add(1, Ordering::Relaxed)),
            group: GroupId::parse(group).unwrap(),
            chat: chat_of(group),
            sender: "ann".to_owned(),
            sender_name: "Ann".to_owned(),
            text: text.to_owned(),
            sent_at: self.clock.now(),
            engages: true,
            trace: None,
            task: None,
            details: Details::default(),
        };
        self.rows.append_inbox(&envelope, self.clock.now()).await.unwrap();
    }

    pub(crate) async fn say(&self, group: &str, text: &str) {
        self.group(group).await;
        self.append(group, text).await;
        self.hints.publish(Hint::Ready { runner: None });
    }

    /// Names of the groups that the runner owns.
    pub(crate) async fn owned(&self) -> Vec<String> {
        let mut names = Vec::new();
        for row in self.rows.runners().await.unwrap() {
            let owned = self.rows.owned_groups(&row.runner, row.incarnation).await.unwrap();
            names.extend(owned.iter().map(|fence| fence.group.to_string()));
        }
        names
    }

    pub(crate) async fn error_of_turn(&self, group: &str) -> Option<String> {
        let turn = self.agents.turn_of(group)?;
        self.rows.turn(turn).await.unwrap()?.error
    }

    /// What is recorded of the newest turn of a group that reached an agent.
    pub(crate) async fn turn(&self, group: &str) -> TurnRecord {
        let turn = self.agents.turn_of(group).unwrap();
        self.rows.turn(turn).await.unwrap().unwrap()
    }

    /// All that was said in a group.
    pub(crate) async fn said(&self, group: &str) -> Vec<String> {
        let said = self.rows.deliveries_after(&chat_of(group), 0, 100).await.unwrap();
        said.into_iter().map(|delivery| delivery.text).collect()
    }

    pub(crate) async fn until(&self, what: &str, predicate: impl Fn() -> bool) {
        self.until_async(what, async || predicate()).await;
    }

    pub(crate) async fn until_async(&self, what: &str, predicate: impl AsyncFn() -> bool) {
        let started = Instant::now();
        while !predicate().await {
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifecycle.begin_hard_stop();
    }
}

fn chat_of(group: &str) -> ChatId {
    ChatId::new(format!("test:{group}"))
}

/// Takes what is ready in the runner's name, as a claim does whose answer never reaches it.
pub(crate) async fn claim_of_a_lost_answer(world: &World) -> Fence {
    let row = world.rows.runners().await.unwrap().remove(0);
    let request = ClaimRequest {
        runner: RunnerId::new(RUNNER),
        incarnation: row.incarnation,
        free_slots: 1,
        now: world.clock.now(),
    };
    let mut claimed = world.rows.claim_groups(&request).await.unwrap();
    assert_eq!(claimed.len(), 1);
    claimed.remove(0).fence
}

/// Lets the runtime hang while the claim of the group `lost` is to be given back.
pub(crate) async fn hangs_over_a_lost_claim(world: &World) -> Fence {
    // The runner has looked after its own past, for which it lists.
    world.say("first", "hello").await;
    world.until("the first answer", || world.agents.answered("first")).await;
    world.rough.hangs_when_listing(true);
    // Owned and not served, so to be given back, for which the runtime must be asked.
    world.group("lost").await;
    world.append("lost", "hello").await;
    let lost = claim_of_a_lost_answer(world).await;
    world
        .until("the question", || world.rough.listings_that_hang() > 0)
        .await;
    lost
}
