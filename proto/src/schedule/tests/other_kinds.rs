//! Intervals, single times, and what is common to all kinds.

use chrono_tz::Tz;

use super::{at, cron};
use crate::schedule::{InvalidInterval, InvalidOnce, InvalidSchedule, Schedule, ScheduleKind};
use crate::time::Timestamp;

const BERLIN: Tz = Tz::Europe__Berlin;
const NOW: &str = "2026-03-01T12:00:00Z";

fn interval(value: &str) -> Result<Schedule, InvalidInterval> {
    Schedule::parse(ScheduleKind::Interval, value).map_err(|error| match error {
        InvalidSchedule::Interval { why, .. } => why,
        other => panic!("{other}"),
    })
}

fn once(value: &str, zone: Tz) -> Result<Timestamp, InvalidSchedule> {
    let schedule = Schedule::parse_new("once", value, zone, at(NOW))?;
    Ok(schedule.first_due(zone, at(NOW)).unwrap())
}

#[test]
fn intervals_are_whole_milliseconds_within_bounds_mcp_d2() {
    for unit in [
        "5min",
        "5m",
        "1e6",
        "60000.5",
        "-60000",
        "+60000",
        "60_000",
        "",
        " ",
        "٣٠٠٠٠",
    ] {
        assert_eq!(interval(unit), Err(InvalidInterval::NotANumber), "{unit:?}");
    }
    for short in ["0", "5", "9999"] {
        assert_eq!(interval(short), Err(InvalidInterval::TooShort), "{short}");
    }
    for long in ["31622400001", "9223372036854775807", "99999999999999999999999"] {
        assert_eq!(interval(long), Err(InvalidInterval::TooLong), "{long}");
    }
    for good in ["10000", " 300000 ", "31622400000"] {
        assert_eq!(interval(good).unwrap().value(), good.trim());
    }
}

#[test]
fn an_interval_keeps_its_grid_however_late_it_is_asked_for_sc_07() {
    let schedule = interval("60000").unwrap();
    let created = at("2026-03-01T12:00:00.123Z");
    assert_eq!(
        schedule.first_due(BERLIN, created),
        Some(at("2026-03-01T12:01:00.123Z"))
    );
    let late = at("2026-03-29T01:00:30Z");
    assert_eq!(
        schedule.next_after(BERLIN, created, late),
        Some(at("2026-03-29T01:01:00.123Z"))
    );
    assert_eq!(
        schedule.latest_until(BERLIN, created, late),
        at("2026-03-29T01:00:00.123Z")
    );
}

#[test]
fn a_single_time_is_local_unless_it_says_otherwise_sc_11() {
    for (value, instant) in [
        ("2026-03-01T15:30:00", "2026-03-01T14:30:00Z"),
        ("2026-03-01T15:30", "2026-03-01T14:30:00Z"),
        ("2026-03-01 15:30:00.250", "2026-03-01T14:30:00.250Z"),
        (" 2026-03-01 15:30 ", "2026-03-01T14:30:00Z"),
        ("2026-03-01T15:30:00Z", "2026-03-01T15:30:00Z"),
        ("2026-03-01T15:30:00+05:30", "2026-03-01T10:00:00Z"),
    ] {
        let later = Schedule::parse(ScheduleKind::Once, value).unwrap();
        assert_eq!(
            later.next_after(BERLIN, at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")),
            Some(at(instant)),
            "{value}"
        );
    }
}

#[test]
fn a_single_local_time_meets_a_change_of_the_clock_once() {
    assert_eq!(once("2026-03-29T02:30:00", BERLIN), Ok(at("2026-03-29T01:00:00Z")));
    assert_eq!(once("2026-10-25T02:30:00", BERLIN), Ok(at("2026-10-25T00:30:00Z")));
    assert_eq!(
        once("2026-03-28T23:30:00", Tz::America__Nuuk),
        Ok(at("2026-03-29T01:00:00Z"))
    );
}

#[test]
fn a_single_time_is_due_once() {
    let schedule = Schedule::parse(ScheduleKind::Once, "2026-03-01T15:30:00").unwrap();
    let due = schedule.first_due(BERLIN, at(NOW)).unwrap();
    assert_eq!(schedule.next_after(BERLIN, due, due), None);
    // What is stored is read back after it is over.
    assert_eq!(Schedule::parse(schedule.kind(), &schedule.value()), Ok(schedule));
}

#[test]
fn a_time_that_is_over_or_absurdly_far_is_refused_ipc_d3() {
    for over in [
        "2026-03-01T12:59:59",
        "2026-03-01T13:00:00",
        "2026-03-01T12:00:00Z",
        "1999-01-01T00:00",
    ] {
        let why = once(over, BERLIN).unwrap_err();
        assert!(
            matches!(
                why,
                InvalidSchedule::Once {
                    why: InvalidOnce::Past { .. },
                    ..
                }
            ),
            "{over}"
        );
    }
    for far in ["2206-03-01T12:00:00", "9999-12-31T23:59:59Z", "+202600-03-01T12:00"] {
        let why = once(far, BERLIN).unwrap_err();
        assert!(
            matches!(
                why,
                InvalidSchedule::Once {
                    why: InvalidOnce::TooFar,
                    ..
                }
            ),
            "{far}"
        );
    }
    for not_a_time in [
        "",
        "tomorrow",
        "2026-03-02",
        "15:30",
        "2026-13-01T00:00",
        "2026-03-02T25:00",
        "1772400000000",
    ] {
        let why = once(not_a_time, BERLIN).unwrap_err();
        assert!(
            matches!(
                why,
                InvalidSchedule::Once {
                    why: InvalidOnce::NotATime,
                    ..
                }
            ),
            "{not_a_time}"
        );
    }
}

#[test]
fn a_changed_value_is_read_as_the_kind_it_will_have_mcp_d1() {
    let now = at(NOW);
    let hourly = interval("3600000").unwrap();
    assert_eq!(
        hourly.changed(None, Some("600000"), BERLIN, now),
        interval("600000").map_err(|_| unreachable!())
    );
    assert!(hourly.changed(None, Some("0 9 * * *"), BERLIN, now).is_err());
    let daily = hourly.changed(Some(ScheduleKind::Cron), Some("0 9 * * *"), BERLIN, now);
    assert_eq!(daily, Ok(cron("0 9 * * *")));
    assert!(hourly.changed(Some(ScheduleKind::Cron), None, BERLIN, now).is_err());
    assert!(
        hourly
            .changed(Some(ScheduleKind::Once), Some("2026-02-01T00:00"), BERLIN, now)
            .is_err()
    );
    assert_eq!(hourly.changed(None, None, BERLIN, now), Ok(hourly.clone()));
}

#[test]
fn an_error_names_the_value_and_what_to_write() {
    let error = |kind, value| {
        Schedule::parse_new(kind, value, BERLIN, at(NOW))
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(error("interval", "5min"), @r#""5min" is not a usable interval: write a whole number of milliseconds without a unit, for example 300000 for 5 minutes or 86400000 for a day"#);
    insta::assert_snapshot!(error("interval", "5"), @r#""5" is not a usable interval: it is shorter than 10000 ms (10 seconds), less than a run of the agent takes; the value is in milliseconds, so 5 minutes are 300000"#);
    insta::assert_snapshot!(error("once", "2026-02-01T15:30:00"), @r#""2026-02-01T15:30:00" is not a usable time for a task that runs once: in Europe/Berlin that is 2026-02-01T15:30:00+01:00, and it is already 2026-03-01T13:00:00+01:00; choose a later time"#);
    insta::assert_snapshot!(error("once", "tomorrow"), @r#""tomorrow" is not a usable time for a task that runs once: write a date and a time in the task's zone, for example "2027-02-01T15:30:00", or an instant with its offset such as "2027-02-01T15:30:00Z" or "2027-02-01T15:30:00+01:00""#);
    insta::assert_snapshot!(error("daily", "09:00"), @r#""daily" is not a kind of schedule; use "cron", "interval" or "once""#);
}
