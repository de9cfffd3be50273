//! What holds whenever passes happen.

use std::time::Duration;

use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;

use crate::schedule::{Schedule, ScheduleKind};
use crate::task::{DueTask, FIRED_PER_PASS_MAX, FiringDecision, Misfire, SKIP_TOLERANCE, decide_firing};
use crate::time::Timestamp;

/// Days before and after the clocks of the zones below change.
const START: i64 = 1_774_500_000_000;
const PASSES: usize = 40;

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let lines = [
        "*/30 * * * *",
        "0 1-4 * * *",
        "30 2 * * *",
        "30 23 * * 6",
        "15 */3 * * *",
        "0 0 L * *",
    ];
    prop_oneof![
        select(lines.to_vec()).prop_map(|line| Schedule::parse(ScheduleKind::Cron, line).unwrap()),
        (600_000_i64..100_000_000).prop_map(|ms| Schedule::parse(ScheduleKind::Interval, &ms.to_string()).unwrap()),
    ]
}

fn any_zone() -> impl Strategy<Value = Tz> {
    select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__Nuuk,
        Tz::Australia__Lord_Howe,
    ])
}

fn any_lateness() -> impl Strategy<Value = Option<Duration>> {
    prop::option::of((0_u64..200_000).prop_map(Duration::from_secs))
}

/// Spans between passes: mostly short, now and then an outage.
fn any_pauses() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![4 => 1_u64..600_000, 1 => 1_u64..50_000_000], PASSES)
}

/// A task over a series of passes.
struct History {
    first_due: Timestamp,
    passes: Vec<(Timestamp, FiringDecision)>,
}

fn run(schedule: &Schedule, zone: Tz, misfire: Misfire, max_lateness: Option<Duration>, pauses: &[u64]) -> History {
    let mut now = Timestamp::from_millis(START);
    let first_due = schedule.first_due(zone, now).unwrap();
    let mut due = first_due;
    let mut passes = Vec::new();
    for pause in pauses {
        now = now + Duration::from_millis(*pause);
        let task = DueTask {
            schedule,
            zone,
            due,
            misfire,
            max_lateness,
        };
        let decision = decide_firing(&task, now);
        due = decision.next_due.unwrap();
        passes.push((now, decision));
    }
    History { first_due, passes }
}

impl History {
    fn fired(&self) -> Vec<Timestamp> {
        self.passes
            .iter()
            .flat_map(|(_, decision)| decision.fire.clone())
            .collect()
    }

    fn skipped(&self) -> u64 {
        self.passes.iter().map(|(_, decision)| decision.skipped).sum()
    }

    /// All due instants that were dealt with, by asking for one after the other.
    fn dealt_with(&self, schedule: &Schedule, zone: Tz) -> Vec<Timestamp> {
        let next_due = self.passes.last().and_then(|(_, decision)| decision.next_due).unwrap();
        std::iter::successors(Some(self.first_due), |due| {
            schedule.next_after(zone, self.first_due, *due)
        })
        .take_while(|due| *due < next_due)
        .collect()
    }
}

proptest! {
    #[test]
    fn nothing_is_fired_twice_and_nothing_forgotten(
        schedule in any_schedule(),
        zone in any_zone(),
        misfire in select(vec![Misfire::One, Misfire::All, Misfire::Skip]),
        max_lateness in any_lateness(),
        pauses in any_pauses(),
    ) {
        let history = run(&schedule, zone, misfire, max_lateness, &pauses);
        let (fired, all) = (history.fired(), history.dealt_with(&schedule, zone));
        prop_assert!(fired.is_sorted_by(|a, b| a < b), "strictly increasing: none twice");
        prop_assert!(fired.iter().all(|due| all.binary_search(due).is_ok()), "only due instants");
        prop_assert_eq!(fired.len() as u64 + history.skipped(), all.len() as u64, "each fired or counted as skipped");
        for (now, decision) in &history.passes {
            prop_assert!(decision.fire.len() <= FIRED_PER_PASS_MAX);
            prop_assert!(decision.fire.iter().all(|due| due <= now));
            prop_assert!(decision.next_due > decision.fire.last().copied(), "next_due moves past what was fired");
            let limit = max_lateness.unwrap_or(Duration::MAX);
            prop_assert!(decision.fire.iter().all(|due| now.since(*due) <= limit));
        }
    }

    #[test]
    fn each_policy_fires_what_it_says(
        schedule in any_schedule(),
        zone in any_zone(),
        pauses in any_pauses(),
    ) {
        let all = run(&schedule, zone, Misfire::All, None, &pauses);
        prop_assert_eq!(all.fired(), all.dealt_with(&schedule, zone));

        let one = run(&schedule, zone, Misfire::One, None, &pauses);
        for (now, decision) in &one.passes {
            prop_assert!(decision.fire.len() <= 1);
            prop_assert!(decision.next_due > Some(*now), "nothing is left behind");
            for due in &decision.fire {
                prop_assert!(schedule.next_after(zone, *due, *due) > Some(*now), "the latest");
            }
        }

        let skip = run(&schedule, zone, Misfire::Skip, None, &pauses);
        for (now, decision) in &skip.passes {
            prop_assert!(decision.fire.iter().all(|due| now.since(*due) <= SKIP_TOLERANCE));
        }
        prop_assert!(skip.fired().iter().all(|due| one.fired().contains(due)));
    }
}
