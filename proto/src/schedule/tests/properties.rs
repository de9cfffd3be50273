//! What holds for any schedule, zone and instant.

use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use proptest::sample::select;

use super::cron;
use crate::schedule::{Schedule, ScheduleKind};
use crate::time::Timestamp;

const YEAR_2020: i64 = 1_577_836_800_000;
const YEAR_2038: i64 = 2_145_916_800_000;

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let field = |max: u32| {
        prop_oneof![
            3 => Just("*".to_owned()),
            2 => (0..=max).prop_map(|value| value.to_string()),
            1 => (0..=max, 0..=max).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            1 => (0..=max, 0..=max).prop_map(|(a, b)| format!("{a},{b}")),
            1 => (1..=max).prop_map(|step| format!("*/{step}")),
        ]
    };
    let days = select(vec![
        "* * *", "* * 0", "13 * 5", "L * *", "1-7 * *", "* 3,10 *", "29 2 *",
    ]);
    let lines = (field(59), field(23), days).prop_map(|(minute, hour, days)| cron(&format!("{minute} {hour} {days}")));
    let intervals = (10_000_i64..100_000_000)
        .prop_map(|millis| Schedule::parse(ScheduleKind::Interval, &millis.to_string()).unwrap());
    prop_oneof![4 => lines, 1 => intervals]
}

fn any_zone() -> impl Strategy<Value = Tz> {
    select(TZ_VARIANTS.to_vec())
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (YEAR_2020..YEAR_2038).prop_map(Timestamp::from_millis)
}

proptest! {
    #[test]
    fn due_instants_strictly_increase(schedule in any_schedule(), zone in any_zone(), start in any_time()) {
        let mut due = start;
        for _ in 0..50 {
            let next = schedule.next_after(zone, start, due).unwrap();
            prop_assert!(next > due);
            due = next;
        }
    }

    /// Whatever instant is asked about, the answer is the first one in the series: nothing lies between.
    #[test]
    fn no_due_instant_is_jumped_over(
        schedule in any_schedule(),
        zone in any_zone(),
        start in any_time(),
        early_ms in 0_i64..200_000_000,
    ) {
        let next = schedule.next_after(zone, start, start).unwrap();
        let earlier = Timestamp::from_millis(start.as_millis() - early_ms);
        let from_earlier = std::iter::successors(schedule.next_after(zone, start, earlier), |due| {
            schedule.next_after(zone, start, *due)
        });
        prop_assert_eq!(from_earlier.into_iter().find(|due| *due > start), Some(next));
    }

    #[test]
    fn the_latest_instant_is_the_one_before_the_next(
        schedule in any_schedule(),
        zone in any_zone(),
        start in any_time(),
        outage_ms in 0_i64..40_000_000_000,
    ) {
        let due = schedule.first_due(zone, start).unwrap();
        let until = Timestamp::from_millis(due.as_millis() + outage_ms);
        let latest = schedule.latest_until(zone, due, until);
        prop_assert!(due <= latest && latest <= until);
        prop_assert!(schedule.next_after(zone, due, latest).unwrap() > until);
        let before = Timestamp::from_millis(latest.as_millis() - 1);
        prop_assert_eq!(schedule.next_after(zone, due, before), Some(latest));
    }

    #[test]
    fn an_interval_never_drifts(period in 10_000_i64..31_622_400_000, start in any_time(), lateness in prop::collection::vec(0_i64..1_000_000_000, 1..20)) {
        let schedule = Schedule::parse(ScheduleKind::Interval, &period.to_string()).unwrap();
        let mut due = schedule.first_due(Tz::UTC, start).unwrap();
        for late in lateness {
            let now = Timestamp::from_millis(due.as_millis() + late);
            due = schedule.next_after(Tz::UTC, due, now).unwrap();
            prop_assert!(due > now && due.as_millis() - now.as_millis() <= period);
            prop_assert_eq!((due.as_millis() - start.as_millis()) % period, 0);
        }
    }

    #[test]
    fn what_is_written_is_read_back(schedule in any_schedule()) {
        prop_assert_eq!(Schedule::parse(schedule.kind(), &schedule.value()), Ok(schedule));
    }

    #[test]
    fn no_text_makes_a_parser_panic(
        text in "[ -~]{0,40}|[0-9*/,LW#?-]{1,5}( [0-9*/,LW#?-]{1,5}){4}|[0-9*]{1,2}( [0-9*/,-]{1,5}){2} [1-9*] [0-7L#,]{1,5}",
        zone in any_zone(),
        now in any_time(),
    ) {
        for kind in ["cron", "interval", "once"] {
            if let Ok(schedule) = Schedule::parse_new(kind, &text, zone, now) {
                prop_assert!(schedule.first_due(zone, now).unwrap() > now);
            }
        }
    }
}
