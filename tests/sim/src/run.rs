//! A run from its beginning to its end: a storm, then peace, then the checker.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proto::group::{Group, GroupSettings};
use proto::lease::LeaseTimings;
use proto::time::Timestamp;
use store::Store;
use store::memory::MemoryStore;

use crate::check::{self, rows};
use crate::exec::{Executor, HostClock, Process};
use crate::fences::Fence;
use crate::fleet::{Fleet, rage, supervise};
use crate::history::{Event, History};
use crate::log::Log;
use crate::network::{Blobs, Bus, Database, Network, at_once};
use crate::plan::Plan;
use crate::platform::{Channel, Platform, chat_of, let_people_write, seen};
use crate::report::Report;
use crate::tasks::{GO_ON, change_tasks, close_tasks, put_tasks};
use crate::witness::Witness;
use crate::world::World;

/// Longest peace until everything must be at rest: beyond the longest back-offs of turns and deliveries.
const PEACE_MAX: Duration = Duration::from_secs(1_800);
/// How often is looked whether everything is at rest.
const LOOK: Duration = Duration::from_secs(5);

/// Makes a run.
pub fn run(plan: &Plan) -> Report {
    simulate(plan, false)
}

/// Makes a run and keeps what the actors noted, for telling the story of a failure.
pub fn replay(plan: &Plan) -> Report {
    simulate(plan, true)
}

fn simulate(plan: &Plan, keeps_notes: bool) -> Report {
    let world = make_world(plan, keeps_notes, None);
    put_rows(&world);
    put_tasks(&world);
    let fleet = Fleet::start(&world);
    let crashing = Rc::downgrade(&fleet);
    world.network.on_crash(move |process| {
        if let Some(fleet) = crashing.upgrade() {
            fleet.kill(process);
        }
    });
    let outside = outside(&world.executor);
    outside.spawn(supervise(Rc::clone(&fleet), outside.clone()));
    outside.spawn(rage(Rc::clone(&fleet), outside.clone()));
    let_people_write(&fleet, &outside, &rows::groups(&world));
    if world.has_tasks() {
        outside.spawn(change_tasks(Rc::clone(&world), outside.clone()));
    }
    world.executor.run_until(plan.storm);
    make_peace(&world, &fleet);
    if world.has_tasks() {
        world.executor.run_until(plan.storm + GO_ON);
        close_tasks(&world);
    }
    let steps = keep_peace(&world, &fleet);
    let report = report(&world, steps);
    fleet.end();
    outside.kill();
    report
}

/// Nothing goes wrong any more.
pub(crate) fn make_peace(world: &World, fleet: &Fleet) {
    world.network.heal_all();
    fleet.heal();
    world.history.note(None, "peace");
}

fn keep_peace(world: &World, fleet: &Fleet) -> u64 {
    let end = world.plan.storm + PEACE_MAX;
    loop {
        let steps = world.executor.run_until(world.executor.now() + LOOK);
        fleet.heal();
        if rows::what_is_under_way(world).is_empty() || world.executor.now() >= end {
            return steps;
        }
    }
}

/// The world before anything is in it; the history is the witness unless another one is given.
pub(crate) fn make_world(plan: &Plan, keeps_notes: bool, witness: Option<Rc<dyn Witness>>) -> Rc<World> {
    let executor = Executor::new(plan.seed);
    let network = Network::new(&executor, plan.faults.chances);
    let history = Rc::new(History::new(&executor, keeps_notes));
    let engine = Arc::new(MemoryStore::without_all(plan.without_in_rows.iter().copied()));
    let database = Database {
        network: Rc::clone(&network),
        engine: Arc::clone(&engine),
        witness: witness.unwrap_or_else(|| Rc::<History>::clone(&history)),
    };
    Rc::new(World {
        plan: plan.clone(),
        bus: Bus::new(&network),
        blobs: Blobs::new(&network, &engine, &history),
        log: Log::new(&network, plan.stands(Fence::MessageId)),
        platform: Platform::new(&executor, &network, &history),
        network,
        database,
        history,
        ids: Default::default(),
        timings: LeaseTimings::FAST,
        executor,
    })
}

/// Groups and chats are registered before anything begins.
pub(crate) fn put_rows(world: &World) {
    let engine = &world.database.engine;
    for id in rows::groups(world) {
        let group = Group {
            id: id.clone(),
            name: id.to_string(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: Timestamp::from_millis(0),
        };
        at_once(engine.put_group(&group)).expect("an empty store takes a group");
        for channel in Channel::ALL {
            let chat = chat_of(channel, &id);
            at_once(engine.see_chat(&seen(channel, &chat))).expect("an empty store takes a chat");
            at_once(engine.register_chat(&chat, Some(&id))).expect("group and chat are known");
        }
    }
}

/// The process of everybody who is not ours: people, the init system, the nemesis.
pub(crate) fn outside(executor: &Executor) -> Process {
    executor.start_process(
        "people",
        HostClock {
            rate: 1.0,
            wall_offset_ms: 0,
        },
    )
}

fn report(world: &World, steps: u64) -> Report {
    let events = world.history.events();
    let mut hasher = DefaultHasher::new();
    events.len().hash(&mut hasher);
    for (at, event) in &events {
        (at, format!("{event:?}")).hash(&mut hasher);
    }
    Report {
        seed: world.plan.seed,
        violations: check::check(world),
        hash: hasher.finish(),
        accepted: events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Accepted { .. }))
            .count(),
        lasted: world.executor.now(),
        steps,
        notes: world.history.notes(),
    }
}
