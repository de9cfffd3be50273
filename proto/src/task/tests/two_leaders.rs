//! A million due instants, two leaders at once that crash, pause and see different times: a model of the store's transaction around
//! [`decide_firing`].

use std::time::Duration;

use chrono_tz::Tz;

use crate::schedule::{Schedule, ScheduleKind};
use crate::task::{DueTask, FiringDecision, Misfire, decide_firing};
use crate::time::Timestamp;

const FIRINGS: usize = 1_000_000;
const TASKS: u64 = 1_000;
const ZONES: [Tz; 4] = [
    Tz::Europe__Berlin,
    Tz::America__Nuuk,
    Tz::Australia__Lord_Howe,
    Tz::America__Havana,
];
/// A day before the clocks of three of the zones change.
const START: i64 = 1_774_656_000_000;

struct Row {
    schedule: Schedule,
    zone: Tz,
    first_due: Timestamp,
    next_due: Timestamp,
    fired: Vec<Timestamp>,
    /// Decided by a leader that was then paused: it commits some time later, as if nothing had happened.
    paused: Option<Plan>,
}

impl Row {
    fn new(index: u64) -> Self {
        let schedule = if index.is_multiple_of(10) {
            Schedule::parse(ScheduleKind::Cron, "* * * * *").unwrap()
        } else {
            Schedule::parse(ScheduleKind::Interval, &(10_000 + 97 * index).to_string()).unwrap()
        };
        let zone = ZONES[usize::try_from(index).unwrap() % ZONES.len()];
        let first_due = schedule.first_due(zone, Timestamp::from_millis(START)).unwrap();
        Self {
            schedule,
            zone,
            first_due,
            next_due: first_due,
            fired: Vec::new(),
            paused: None,
        }
    }

    fn decide(&self, now: Timestamp) -> Plan {
        let task = DueTask {
            schedule: &self.schedule,
            zone: self.zone,
            due: self.next_due,
            misfire: Misfire::All,
            max_lateness: None,
        };
        Plan {
            read: self.next_due,
            decision: decide_firing(&task, now),
        }
    }

    /// The transaction: nothing happens unless `next_due` still is what was read.
    fn commit(&mut self, plan: Plan) -> usize {
        if self.next_due != plan.read {
            return 0;
        }
        self.next_due = plan.decision.next_due.unwrap();
        self.fired.extend(&plan.decision.fire);
        plan.decision.fire.len()
    }
}

/// What a leader decided and has not committed yet.
struct Plan {
    read: Timestamp,
    decision: FiringDecision,
}

/// Numerical Recipes' generator: the same run every time, and good enough to mix steps.
struct Steps(u64);

impl Steps {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn a_million_due_instants_are_each_fired_once_by_two_leaders_that_crash_and_pause() {
    let mut rows: Vec<Row> = (0..TASKS).map(Row::new).collect();
    let mut steps = Steps(4);
    let mut now = Timestamp::from_millis(START);
    let mut fired = 0;
    while fired < FIRINGS {
        now = now + Duration::from_millis(1 + steps.below(600_000));
        for row in &mut rows {
            fired += pass_of_two_leaders(row, now, &mut steps);
        }
    }
    let twice_or_missed = rows.iter().filter(|row| row.fired != all_due_before(row)).count();
    assert_eq!(twice_or_missed, 0);
}

/// Both read; each commits, dies before it commits, or is paused and commits in a later pass.
fn pass_of_two_leaders(row: &mut Row, now: Timestamp, steps: &mut Steps) -> usize {
    let skewed = Timestamp::from_millis(now.as_millis() - i64::try_from(steps.below(300_000)).unwrap());
    let mut plans = vec![row.decide(now), row.decide(skewed)];
    plans.extend(row.paused.take_if(|_| steps.below(3) == 0));
    let mut fired = 0;
    while !plans.is_empty() {
        let next = usize::try_from(steps.below(plans.len() as u64)).unwrap();
        let plan = plans.swap_remove(next);
        match steps.below(6) {
            0 => {}
            1 => row.paused = Some(plan),
            _ => fired += row.commit(plan),
        }
    }
    fired
}

fn all_due_before(row: &Row) -> Vec<Timestamp> {
    std::iter::successors(Some(row.first_due), |due| {
        row.schedule.next_after(row.zone, row.first_due, *due)
    })
    .take_while(|due| *due < row.next_due)
    .collect()
}
