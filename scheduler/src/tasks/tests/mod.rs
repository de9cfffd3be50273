//! The promises of the loop, over the store of the simulator with the clock in hand.

mod kills;

use std::sync::Arc;

use bus::local::LocalHints;
use bus::{Hint, Hints, Listener, Room};
use prometheus_client::registry::Registry;
use proto::claim::{ClaimRequest, Fence};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, RunnerId, TurnId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, Misfire, RunOutcome, RunsOf, Task, TaskId, TaskPolicy, TaskSpec, TaskState};
use proto::time::{Clock, ManualClock};
use proto::turn::{TurnCommit, Usage};
use service::lifecycle::Lifecycle;
use service::readiness::Readiness;
use store::Begun;
use store::memory::MemoryStore;
use store::outage::{Manners, Outage};
use uuid::Uuid;

use super::*;
use crate::Metrics;

/// 2027-03-27T00:00:00Z, the day before clocks are put forward in Europe.
const START: Timestamp = Timestamp::from_millis(1_806_105_600_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct World {
    deps: Deps,
    clock: ManualClock,
    outage: Arc<Outage>,
    hints: Box<dyn Listener>,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::at(START);
        let bus = LocalHints::new();
        let hints = bus.listen(Interest::Ready(Room::Free));
        let outage = Arc::new(Outage::around(Arc::new(MemoryStore::new())));
        let deps = Deps {
            store: outage.clone(),
            hints: Arc::new(bus),
            blobs: None,
            clock: Arc::new(clock.clone()),
            random: || 0.5,
            readiness: Readiness::new(),
            metrics: Metrics::register(&mut Registry::default()),
        };
        let world = Self {
            deps,
            clock,
            outage,
            hints,
        };
        world.group().await;
        world
    }

    async fn group(&self) {
        let group = Group {
            id: group(),
            name: "Family".to_owned(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: START,
        };
        self.deps.store.put_group(&group).await.unwrap();
        let seen = ChatSeen {
            id: chat(),
            channel: "cli".to_owned(),
            account: "local".to_owned(),
            name: None,
            is_group_chat: None,
            seen_at: START,
            parent: None,
        };
        self.deps.store.see_chat(&seen).await.unwrap();
        self.deps.store.register_chat(&chat(), Some(&group.id)).await.unwrap();
    }

    async fn task(&self, kind: ScheduleKind, value: &str, misfire: Misfire) -> Task {
        let spec = TaskSpec {
            group: group(),
            chat: chat(),
            prompt: "report".to_owned(),
            schedule: Schedule::parse(kind, value).unwrap(),
            zone: "Europe/Berlin".parse().unwrap(),
            context_mode: ContextMode::Group,
            check_script: None,
            policy: TaskPolicy {
                misfire,
                ..TaskPolicy::default()
            },
        };
        let task = Task::made(TaskId::parse("t").unwrap(), spec, self.clock.now()).unwrap();
        self.deps
            .store
            .put_task(&task, None, self.clock.now())
            .await
            .unwrap()
            .unwrap()
    }

    async fn now(&self) -> Task {
        self.deps
            .store
            .task(&TaskId::parse("t").unwrap())
            .await
            .unwrap()
            .unwrap()
    }

    async fn tick(&self) -> usize {
        tick(&self.deps).await.unwrap().dealt_with
    }

    /// Serves what waits, and says for which instants.
    async fn serve(&self) -> Vec<Timestamp> {
        let runner = RunnerId::new("r");
        let incarnation = self.deps.store.register_runner(&runner, 5, START).await.unwrap();
        let request = ClaimRequest {
            runner,
            incarnation,
            free_slots: 5,
            now: self.clock.now() + DAY,
        };
        let mut served = Vec::new();
        for claimed in self.deps.store.claim_groups(&request).await.unwrap() {
            served.extend(self.serve_group(&claimed.fence).await);
        }
        served
    }

    async fn serve_group(&self, fence: &Fence) -> Vec<Timestamp> {
        let (store, now) = (&self.deps.store, self.clock.now());
        let mut served = Vec::new();
        loop {
            let fresh = TurnId(Uuid::from_u128(
                u128::from(fence.epoch.0.unsigned_abs()) << 64 | served.len() as u128,
            ));
            let Begun::Turn(batch) = store.begin_turn(fence, fresh, now).await.unwrap() else {
                store.release_group(fence, false, now).await.unwrap();
                return served;
            };
            let last = batch.messages.last().unwrap();
            served.extend(last.envelope.task.as_ref().map(|firing| firing.due_at));
            let commit = TurnCommit {
                turn: batch.turn,
                through: last.ord,
                replies: Vec::new(),
                session: None,
                snapshot: None,
                usage: Usage::default(),
                cost_micros: None,
                outcome: RunOutcome::Silent,
                now,
            };
            store.commit_turn(fence, &commit, &[]).await.unwrap();
        }
    }

    async fn outcomes(&self) -> Vec<RunOutcome> {
        let runs = self.deps.store.task_runs(&RunsOf::All, 100).await.unwrap();
        runs.into_iter().map(|run| run.outcome).collect()
    }
}

fn group() -> GroupId {
    GroupId::parse("family").unwrap()
}

fn chat() -> ChatId {
    ChatId::new("cli:family")
}

fn after(minutes: u32) -> Timestamp {
    START + MINUTE * minutes
}

#[tokio::test]
async fn sc_07_intervals_stay_on_their_grid_and_missed_ones_are_recorded() {
    let world = World::new().await;
    world.task(ScheduleKind::Interval, "60000", Misfire::One).await;
    assert_eq!(world.tick().await, 0, "nothing is due yet");
    world.clock.advance(MINUTE);
    assert_eq!(world.tick().await, 1);
    assert_eq!(world.tick().await, 0);
    // The leader was away for ten and a half minutes.
    world.clock.advance(MINUTE * 10 + MINUTE / 2);
    world.tick().await;
    assert_eq!(world.serve().await, [after(1), after(11)]);
    assert_eq!(world.now().await.next_due, Some(after(12)));
    let mut outcomes = world.outcomes().await;
    outcomes.sort_by_key(|outcome| outcome.as_str());
    assert_eq!(outcomes, [RunOutcome::Missed, RunOutcome::Silent, RunOutcome::Silent]);
}

#[tokio::test]
async fn sc_d5_each_policy_deals_with_downtime_as_it_says() {
    for (misfire, expected) in [
        (Misfire::One, vec![after(5)]),
        (Misfire::All, (1..=5).map(after).collect()),
        (Misfire::Skip, vec![after(5)]),
    ] {
        let world = World::new().await;
        world.task(ScheduleKind::Interval, "60000", misfire).await;
        world.clock.advance(MINUTE * 5);
        world.tick().await;
        assert_eq!(world.serve().await, expected, "{misfire:?}");
    }
}

#[tokio::test]
async fn sc_11_local_times_follow_the_zone_of_the_task_over_a_change_of_its_clocks() {
    let world = World::new().await;
    world.task(ScheduleKind::Cron, "30 2 * * *", Misfire::One).await;
    let mut due = Vec::new();
    for _ in 0..3 {
        let next = world.now().await.next_due.unwrap();
        world.clock.set_wall(next);
        world.tick().await;
        due.extend(world.serve().await);
    }
    let times: Vec<_> = due.iter().map(ToString::to_string).collect();
    assert_eq!(
        times,
        // On the 28th the clocks go from 02:00 to 03:00: it is due at the first time that exists.
        [
            "2027-03-27T01:30:00.000Z",
            "2027-03-28T01:00:00.000Z",
            "2027-03-29T00:30:00.000Z"
        ]
    );
}

#[tokio::test]
async fn sc_07_a_single_time_fires_once_and_is_done() {
    let world = World::new().await;
    world
        .task(ScheduleKind::Once, "2027-03-27T00:01:00Z", Misfire::One)
        .await;
    world.clock.advance(DAY);
    assert_eq!(world.tick().await, 1);
    assert_eq!(world.tick().await, 0);
    assert_eq!(world.serve().await, [after(1)]);
    assert_eq!(world.now().await.state, TaskState::Done);
}

#[tokio::test]
async fn sc_02_a_paused_task_does_not_fire() {
    let world = World::new().await;
    let task = world.task(ScheduleKind::Interval, "60000", Misfire::One).await;
    world.deps.store.put_task(&task.paused(), None, START).await.unwrap();
    world.clock.advance(DAY);
    assert_eq!(world.tick().await, 0);
    assert_eq!(
        tick(&world.deps).await.unwrap().next_due,
        None,
        "a paused task is due at no time"
    );
}

#[tokio::test]
async fn two_leaders_at_once_fire_each_instant_once() {
    let world = World::new().await;
    world.task(ScheduleKind::Interval, "60000", Misfire::All).await;
    for _ in 0..20 {
        world.clock.advance(MINUTE * 3);
        let (one, other) = tokio::join!(tick(&world.deps), tick(&world.deps));
        assert_eq!(one.unwrap().dealt_with + other.unwrap().dealt_with, 1);
    }
    assert_eq!(world.serve().await, (1..=60).map(after).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_leader_that_was_paused_between_reading_and_firing_fires_nothing_twice() {
    let world = World::new().await;
    world.task(ScheduleKind::Interval, "60000", Misfire::All).await;
    world.clock.advance(MINUTE);
    let stale = world.deps.store.due_tasks(world.clock.now(), 10).await.unwrap();
    world.tick().await;
    world.clock.advance(MINUTE);
    assert!(!pass::fire(&world.deps, stale[0].clone()).await.unwrap());
    world.tick().await;
    assert_eq!(world.serve().await, [after(1), after(2)]);
}

#[tokio::test]
async fn a_clock_that_jumps_back_fires_nothing_again() {
    let world = World::new().await;
    world.task(ScheduleKind::Interval, "60000", Misfire::All).await;
    world.clock.advance(MINUTE * 2);
    world.tick().await;
    world.clock.set_wall(START);
    assert_eq!(world.tick().await, 0);
    world.clock.set_wall(after(3));
    world.tick().await;
    assert_eq!(world.serve().await, [after(1), after(2), after(3)]);
}

#[tokio::test]
async fn an_answer_that_was_lost_fires_nothing_twice() {
    let world = World::new().await;
    world.task(ScheduleKind::Interval, "60000", Misfire::All).await;
    world.clock.advance(MINUTE);
    let due = world.deps.store.due_tasks(world.clock.now(), 10).await.unwrap();
    world.outage.set(Manners::LosesAnswers);
    assert!(pass::fire(&world.deps, due[0].clone()).await.is_err());
    world.outage.set(Manners::Answers);
    world.tick().await;
    assert_eq!(world.serve().await, [after(1)]);
}

#[tokio::test(start_paused = true)]
async fn sc_d3_the_loop_sleeps_until_the_next_instant_and_wakes_for_changes() {
    let mut world = World::new().await;
    let lifecycle = Lifecycle::new();
    let leadership = Leadership::certain(Arc::clone(&world.deps.clock));
    lifecycle.spawn_restarting("tasks", {
        let (deps, stop) = (world.deps.clone(), lifecycle.soft_stop());
        move || run(deps.clone(), leadership.clone(), stop.clone())
    });
    world.task(ScheduleKind::Interval, "60000", Misfire::One).await;
    world.clock.advance(MINUTE);
    world.deps.hints.publish(Hint::Tasks);
    let woken = tokio::time::timeout(Duration::from_millis(100), world.hints.next()).await;
    assert_eq!(woken.unwrap(), Some(Hint::Ready { runner: None }));
    world.clock.advance(MINUTE);
    let slept = tokio::time::timeout(SLEEP_MAX + MINUTE, world.hints.next()).await;
    assert_eq!(slept.unwrap(), Some(Hint::Ready { runner: None }), "without any hint");
    lifecycle.begin_soft_stop();
    assert!(lifecycle.finished(Duration::from_secs(1)).await.cut_off.is_empty());
}

#[test]
fn a_pass_waits_for_what_is_due_next() {
    let pass = |dealt_with, next_due: Option<i64>| Pass {
        dealt_with,
        next_due: next_due.map(|millis| START + Duration::from_millis(millis.unsigned_abs())),
    };
    assert_eq!(pass(0, None).wait(START), SLEEP_MAX);
    assert_eq!(pass(0, Some(300)).wait(START), Duration::from_millis(300));
    assert_eq!(pass(0, Some(300_000)).wait(START), SLEEP_MAX);
    assert_eq!(pass(3, Some(0)).wait(START), Duration::ZERO);
    assert_eq!(pass(0, Some(0)).wait(START), BETWEEN_VAIN_PASSES);
}
