//! Counting firings: schedulers alone, killed again and again, over very many due instants.
//!
//! The schedulers are those of every run, with all that can happen to them; what they fire is taken up at once by somebody to
//! whom nothing ever happens. Each due instant must become work once, and be done once: not missed, not twice.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proto::claim::{ClaimRequest, Fence};
use proto::ids::{Incarnation, RunnerId, TurnId};
use proto::prompt::{firing_of, last_ord};
use proto::task::{FireReport, FireTask, RunOutcome, Task, TaskId};
use proto::time::Timestamp;
use proto::turn::{TurnCommit, Usage};
use store::memory::{MemoryStore, Switch};
use store::{Begun, Store};

use crate::exec::{Process, START};
use crate::fleet::{Fleet, rage, supervise};
use crate::history::Event;
use crate::network::at_once;
use crate::plan::{Chances, Faults, Plan};
use crate::run::{make_peace, make_world, outside, put_rows};
use crate::tasks::{GO_ON, is_left_behind, put_counted_tasks};
use crate::witness::Witness;
use crate::world::World;

/// Tasks are due this often: the shortest interval there is.
const PERIOD: Duration = Duration::from_secs(10);
/// Between two looks of who does the work.
const LOOK: Duration = Duration::from_millis(500);
/// How long rows are kept that are done with, and how often old ones are removed. Longer than any request is held up.
const KEEP: Duration = Duration::from_secs(300);
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// What is to be counted.
#[derive(Clone, Debug)]
pub struct CountedFirings {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Due instants, at least.
    pub instants: u64,
    /// Tasks they are spread over.
    pub tasks: usize,
    /// Mean time between two great faults, one in three of which is a kill.
    pub faults_every: Duration,
    /// Fences of the rows that are taken down.
    pub without_in_rows: Vec<Switch>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Due instants that came.
    pub due: u64,
    /// Of them those that never became work, or were never done.
    pub missed: u64,
    /// Of them those that became work, or were done, more than once.
    pub twice: u64,
    /// Schedulers that died.
    pub deaths: usize,
    /// Terms of leadership.
    pub terms: i64,
    /// Simulated time.
    pub lasted: Duration,
}

/// How often each due instant of each task was fired and done.
#[derive(Default)]
struct Tally {
    counts: RefCell<BTreeMap<TaskId, Vec<[u8; 2]>>>,
}

const FIRED: usize = 0;
const DONE: usize = 1;

impl Tally {
    fn count(&self, task: &TaskId, due: Timestamp, what: usize) {
        let number = due.since(START).as_millis() / PERIOD.as_millis();
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let mut counts = self.counts.borrow_mut();
        let of_task = counts.entry(task.clone()).or_default();
        if of_task.len() <= number {
            of_task.resize(number + 1, [0; 2]);
        }
        of_task[number][what] = of_task[number][what].saturating_add(1);
    }
}

impl Witness for Tally {
    fn fired(&self, _rows: &MemoryStore, fire: &FireTask, report: &FireReport, _at: Timestamp) {
        for due in &report.admitted {
            self.count(&fire.task, *due, FIRED);
        }
    }

    fn changed(&self, _task: &Task) {}

    fn committed(&self, _fence: &Fence, _commit: &TurnCommit) {}
}

/// Counts what becomes of the due instants of a long run.
pub fn count_firings(asked: &CountedFirings) -> Counted {
    let storm = PERIOD * u32::try_from(asked.instants.div_ceil(asked.tasks as u64)).unwrap_or(u32::MAX);
    let plan = plan(asked, storm);
    let tally = Rc::new(Tally::default());
    let world = make_world(&plan, false, Some(Rc::<Tally>::clone(&tally)));
    put_rows(&world);
    put_counted_tasks(&world, asked.tasks);
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
    outside.spawn(work(Rc::clone(&world), outside.clone(), Rc::clone(&tally)));
    world.executor.run_until(plan.storm);
    make_peace(&world, &fleet);
    world.executor.run_until(plan.storm + GO_ON);
    let counted = counted(&world, &tally);
    fleet.end();
    outside.kill();
    counted
}

fn plan(asked: &CountedFirings, storm: Duration) -> Plan {
    Plan {
        seed: asked.seed,
        faults: Faults {
            every: asked.faults_every,
            crash: 6,
            runtime: 0,
            log: 0,
            chances: Chances {
                crash: 0.000_2,
                stall: 0.000_1,
                ..Chances::USUAL
            },
            ..Faults::EVERYTHING
        },
        groups: 20,
        runners: 0,
        schedulers: 3,
        gateways: 0,
        tasks: asked.tasks,
        files: false,
        storm,
        without: Vec::new(),
        without_in_rows: asked.without_in_rows.clone(),
    }
}

/// Takes up what was fired, at once and without fail.
async fn work(world: Rc<World>, me: Process, tally: Rc<Tally>) {
    let (engine, runner) = (&world.database.engine, RunnerId::new("worker"));
    let slots = u32::try_from(world.plan.groups).unwrap_or(u32::MAX);
    let life = at_once(engine.register_runner(&runner, slots, me.now())).expect("an engine in memory takes a runner");
    let mut tidied = Duration::ZERO;
    loop {
        me.sleep(LOOK).await;
        at_once(engine.heartbeat(&runner, life)).expect("its only life");
        work_off(&world, &runner, life, me.now(), &tally);
        if me.executor().now() - tidied >= TIDY_EVERY {
            tidied = me.executor().now();
            at_once(engine.remove_old(KEEP, u32::MAX, me.now())).expect("an engine in memory removes rows");
        }
    }
}

fn work_off(world: &World, runner: &RunnerId, incarnation: Incarnation, now: Timestamp, tally: &Tally) {
    let engine = &world.database.engine;
    let request = ClaimRequest {
        runner: runner.clone(),
        incarnation,
        free_slots: u32::MAX,
        now,
    };
    for claimed in at_once(engine.claim_groups(&request)).expect("its only life") {
        let fence = claimed.fence;
        while let Ok(Begun::Turn(batch)) = at_once(engine.begin_turn(&fence, TurnId::fresh(&world.ids), now)) {
            let (Some(through), Some(firing)) = (last_ord(&batch.messages), firing_of(&batch.messages)) else {
                break;
            };
            let commit = TurnCommit {
                turn: batch.turn,
                through,
                replies: Vec::new(),
                session: None,
                snapshot: None,
                usage: Usage::default(),
                cost_micros: None,
                outcome: RunOutcome::Silent,
                now,
            };
            at_once(engine.commit_turn(&fence, &commit, &[])).expect("nobody else works");
            tally.count(&firing.task, firing.due_at, DONE);
        }
        at_once(engine.release_group(&fence, false, now)).expect("nobody else works");
    }
}

fn counted(world: &World, tally: &Tally) -> Counted {
    let now = START + world.executor.now();
    let counts = tally.counts.borrow();
    let mut counted = Counted {
        lasted: world.executor.now(),
        ..Counted::default()
    };
    for task in at_once(world.database.engine.tasks(None)).unwrap_or_default() {
        let of_task = counts.get(&task.id).map_or(&[][..], Vec::as_slice);
        let next_due = task.next_due.unwrap_or(now);
        let first = task.spec.schedule.first_due(task.spec.zone, task.created_at);
        let due = std::iter::successors(first, |due| task.spec.schedule.following(task.spec.zone, *due));
        for due in due.take_while(|due| *due < next_due) {
            let number = due.since(START).as_millis() / PERIOD.as_millis();
            let times = usize::try_from(number).ok().and_then(|number| of_task.get(number));
            let [fired, done] = times.copied().unwrap_or_default();
            counted.due += 1;
            counted.missed += u64::from(fired == 0 || done == 0);
            counted.twice += u64::from(fired > 1 || done > 1);
        }
        // What was not even looked at is missed as well.
        if is_left_behind(&task, now) {
            counted.missed += now.since(next_due).as_millis() as u64 / PERIOD.as_millis() as u64;
        }
    }
    for (_, event) in world.history.events() {
        counted.deaths += usize::from(matches!(event, Event::Died { .. }));
    }
    let lease = at_once(
        world
            .database
            .engine
            .lease(&proto::lease::holding::LeaseName::Scheduler),
    );
    counted.terms = lease.map_or(0, |row| row.epoch.0);
    counted
}
