//! The promises of the scheduler: its real passes over the store of the simulator, with the clock in hand.

use std::sync::Arc;
use std::time::Duration;

use blobs::directory::DirectoryStore;
use blobs::{BlobName, BlobStore};
use bus::local::LocalHints;
use bus::{Hint, Hints, Interest, Listener, Room};
use bytes::Bytes;
use prometheus_client::registry::Registry;
use proto::claim::{ClaimRequest, Fence, STICKY_DELAY};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, Epoch, GroupId, Incarnation, RunnerId, SnapshotId, TurnId};
use proto::inbound::{Details, Envelope};
use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::snapshot::{BlobKey, BlobKind};
use proto::time::{Clock, ManualClock, Timestamp};
use proto::turn::{TurnCommit, Usage};
use service::lifecycle::Lifecycle;
use service::readiness::Readiness;
use store::keeper::Takeover;
use store::memory::MemoryStore;
use store::{Appended, Begun, Store};
use uuid::Uuid;

use crate::config::Retention;
use crate::leadership::Leadership;
use crate::reaper::Reaper;
use crate::{Candidacy, Config, Deps, Metrics, orphans, retention, start, sweep};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn candidacy(holder: &str) -> Candidacy {
    Candidacy {
        holder: holder.to_owned(),
        takeover: Takeover::Observe,
    }
}

struct World {
    deps: Deps,
    clock: ManualClock,
    hints: Box<dyn Listener>,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let bus = LocalHints::new();
        let hints = bus.listen(Interest::Ready(Room::Free));
        let deps = Deps {
            store: Arc::new(MemoryStore::new()),
            hints: Arc::new(bus),
            blobs: None,
            clock: Arc::new(clock.clone()),
            random: || 0.5,
            readiness: Readiness::new(),
            metrics: Metrics::register(&mut Registry::default()),
        };
        Self { deps, clock, hints }
    }

    fn leads(&self) -> Leadership {
        Leadership::certain(Arc::clone(&self.deps.clock))
    }

    fn store(&self) -> &dyn Store {
        &*self.deps.store
    }

    /// A group with one message that waits for a runner.
    async fn waiting_group(&self) -> GroupId {
        let id = GroupId::parse("family").unwrap();
        let now = self.clock.now();
        let settings = GroupSettings::default();
        let group = Group {
            id: id.clone(),
            name: "Family".to_owned(),
            is_main: false,
            settings,
            created_at: now,
        };
        self.store().put_group(&group).await.unwrap();
        let chat = ChatId::new("cli:family");
        let seen = ChatSeen {
            id: chat.clone(),
            channel: "cli".to_owned(),
            account: "local".to_owned(),
            name: None,
            is_group_chat: None,
            seen_at: now,
            parent: None,
        };
        self.store().see_chat(&seen).await.unwrap();
        self.store().register_chat(&chat, Some(&id)).await.unwrap();
        let envelope = Envelope {
            dedup_key: "cli:local:1".to_owned(),
            group: id.clone(),
            chat,
            sender: "ann".to_owned(),
            sender_name: "Ann".to_owned(),
            text: "hello".to_owned(),
            sent_at: now,
            engages: true,
            trace: None,
            task: None,
            details: Details::default(),
        };
        assert!(matches!(
            self.store().append_inbox(&envelope, now).await,
            Ok(Appended::Stored(_))
        ));
        id
    }

    async fn runner(&self, name: &str) -> (RunnerId, Incarnation) {
        let runner = RunnerId::new(name);
        let incarnation = self
            .store()
            .register_runner(&runner, 5, self.clock.now())
            .await
            .unwrap();
        (runner, incarnation)
    }

    async fn claim(&self, (runner, incarnation): (RunnerId, Incarnation)) -> Fence {
        let request = ClaimRequest {
            runner,
            incarnation,
            free_slots: 1,
            now: self.clock.now(),
        };
        self.store().claim_groups(&request).await.unwrap().remove(0).fence
    }

    async fn heard_wake(&mut self) -> bool {
        let next = tokio::time::timeout(Duration::from_millis(1), self.hints.next()).await;
        matches!(next, Ok(Some(Hint::Ready { .. })))
    }

    /// Ticks the reaper once a second and returns after how many the group is free.
    async fn freed_after(&mut self, reaper: &mut Reaper, seconds: u32) -> Option<u32> {
        for second in 0..=seconds {
            reaper.tick().await.unwrap();
            if self.heard_wake().await {
                return Some(second);
            }
            self.clock.advance(SECOND);
        }
        None
    }
}

#[tokio::test(start_paused = true)]
async fn groups_of_a_silent_runner_are_freed_after_fifteen_seconds_and_others_are_woken() {
    let mut world = World::new();
    let group = world.waiting_group().await;
    let runner = world.runner("a").await;
    let fence = world.claim(runner.clone()).await;
    let mut reaper = Reaper::new(world.deps.clone(), world.leads(), LeaseTimings::FAST);
    assert_eq!(world.freed_after(&mut reaper, 60).await, Some(15));
    assert_eq!(world.deps.metrics.groups_freed.get(), 1);
    assert!(
        world.store().heartbeat(&runner.0, runner.1).await.is_err(),
        "the dead must not come back"
    );
    world.clock.advance(STICKY_DELAY);
    let taken = world.claim(world.runner("b").await).await;
    assert_eq!(taken.group, group);
    assert!(taken.epoch > fence.epoch);
}

#[tokio::test(start_paused = true)]
async fn a_runner_whose_heart_beats_keeps_its_groups() {
    let mut world = World::new();
    world.waiting_group().await;
    let runner = world.runner("a").await;
    world.claim(runner.clone()).await;
    let mut reaper = Reaper::new(world.deps.clone(), world.leads(), LeaseTimings::FAST);
    for _ in 0..20 {
        world.store().heartbeat(&runner.0, runner.1).await.unwrap();
        assert_eq!(world.freed_after(&mut reaper, 2).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reaper_that_was_paused_with_its_runners_frees_nothing() {
    let mut world = World::new();
    world.waiting_group().await;
    world.claim(world.runner("a").await).await;
    let mut reaper = Reaper::new(world.deps.clone(), world.leads(), LeaseTimings::FAST);
    assert_eq!(world.freed_after(&mut reaper, 5).await, None);
    world.clock.advance(60 * SECOND);
    assert_eq!(world.freed_after(&mut reaper, 5).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_kills_nobody() {
    let mut world = World::new();
    world.waiting_group().await;
    world.claim(world.runner("a").await).await;
    let mut reaper = Reaper::new(world.deps.clone(), world.leads(), LeaseTimings::FAST);
    reaper.tick().await.unwrap();
    world.clock.set_wall(world.clock.now() + DAY);
    assert_eq!(world.freed_after(&mut reaper, 5).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_hint_was_lost_is_found_by_the_sweep() {
    let mut world = World::new();
    sweep::tick(&world.deps, true).await.unwrap();
    assert!(!world.heard_wake().await, "nobody waits, so nobody is woken");
    world.waiting_group().await;
    sweep::tick(&world.deps, true).await.unwrap();
    assert!(world.heard_wake().await);
    world.claim(world.runner("a").await).await;
    sweep::tick(&world.deps, true).await.unwrap();
    assert!(!world.heard_wake().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_covered_is_removed_when_its_days_are_over() {
    let world = World::new();
    world.waiting_group().await;
    let fence = world.claim(world.runner("a").await).await;
    let now = world.clock.now();
    let Begun::Turn(batch) = world
        .store()
        .begin_turn(&fence, TurnId(Uuid::from_u128(1)), now)
        .await
        .unwrap()
    else {
        panic!("there is a message to answer");
    };
    let commit = TurnCommit {
        turn: batch.turn,
        through: batch.messages[0].ord,
        replies: Vec::new(),
        session: None,
        usage: Usage::default(),
        cost_micros: None,
        outcome: proto::task::RunOutcome::Answered,
        now,
        snapshot: None,
    };
    world.store().commit_turn(&fence, &commit, &[]).await.unwrap();
    let keep = Retention::default().keep();
    world.clock.advance(keep - DAY);
    assert_eq!(retention::tick(&world.deps, keep).await.unwrap().rows, 0);
    world.clock.advance(2 * DAY);
    let removed = retention::tick(&world.deps, keep).await.unwrap();
    assert!(removed.rows >= 1 && !removed.more, "{removed:?}");
    assert_eq!(world.deps.metrics.rows_removed.get(), removed.rows);
}

#[tokio::test(start_paused = true)]
async fn a_started_scheduler_sweeps_every_second_says_so_and_stops() {
    let mut world = World::new();
    let lifecycle = Lifecycle::new();
    let config = Config {
        lease: LeaseTimings::FAST,
        retention: Retention::default(),
        candidacy: candidacy("a"),
    };
    start(config, world.deps.clone(), &lifecycle);
    assert!(!world.deps.readiness.report().ready);
    tokio::time::timeout(SECOND, world.deps.readiness.ready())
        .await
        .unwrap();
    world.waiting_group().await;
    for _ in 0..3 {
        let hint = tokio::time::timeout(SECOND, world.hints.next()).await.unwrap();
        assert_eq!(hint, Some(Hint::Ready { runner: None }));
    }
    lifecycle.begin_soft_stop();
    assert!(lifecycle.finished(SECOND).await.cut_off.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_follower_watches_says_that_it_is_well_and_frees_nothing() {
    let mut world = World::new();
    world.waiting_group().await;
    let runner = world.runner("a").await;
    world.claim(runner).await;
    let row = world.store().lease(&LeaseName::Scheduler).await.unwrap();
    world
        .store()
        .take_lease(&LeaseName::Scheduler, "other", &row)
        .await
        .unwrap();
    let lifecycle = Lifecycle::new();
    let leadership = Leadership::seek(candidacy("b"), LeaseTimings::FAST, &world.deps, &lifecycle);
    let mut reaper = Reaper::new(world.deps.clone(), leadership.clone(), LeaseTimings::FAST);
    assert_eq!(world.freed_after(&mut reaper, 30).await, None);
    assert!(!leadership.leads());
    sweep::tick(&world.deps, leadership.leads()).await.unwrap();
    assert!(!world.heard_wake().await, "only the leader calls");
}

#[tokio::test]
async fn blobs_of_groups_that_are_gone_are_removed_and_no_others() {
    let mut world = World::new();
    let group = world.waiting_group().await;
    let directory = tempfile::tempdir().unwrap();
    let blobs = DirectoryStore::new(directory.path().to_owned());
    let name = |group: &str| {
        let key = BlobKey {
            group: group.parse().unwrap(),
            epoch: Epoch(1),
            snapshot: SnapshotId(Uuid::from_u128(7)),
            kind: BlobKind::Manifest,
        };
        key.to_string().parse::<BlobName>().unwrap()
    };
    let (kept, gone, foreign) = (name(group.as_str()), name("gone"), "groups/readme".parse().unwrap());
    for name in [&kept, &gone, &foreign] {
        blobs.put(name, Bytes::from_static(b"x")).await.unwrap();
    }
    world.deps.blobs = None;
    assert_eq!(orphans::tick(&world.deps, &blobs).await.unwrap(), 1);
    assert!(blobs.get(&gone).await.is_err());
    assert!(blobs.get(&kept).await.is_ok() && blobs.get(&foreign).await.is_ok());
}
