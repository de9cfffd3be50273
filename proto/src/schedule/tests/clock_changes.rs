//! Cron lines while clocks change: every zone, every change from 2020 to 2037.

use chrono_tz::Tz;

use super::clocks::{Change, all_changes, instant};
use super::cron;
use super::oracle::{OracleLine, Rule, Watched};
use crate::schedule::Schedule;
use crate::time::Timestamp;

/// Lines that name hours. Most changes are between 00:00 and 04:00 local time; some are at 22:00 to 24:00.
const NAMING_HOURS: [&str; 20] = [
    "0 0 * * *",
    "30 0 * * *",
    "30 1 * * *",
    "0 2 * * *",
    "15 2 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "30 22 * * *",
    "30 23 * * *",
    "30 2,14 * * *",
    "0 1-4 * * *",
    "0 */2 * * *",
    "*/30 2 * * *",
    "*/20 0-5 * * *",
    "30 2 * * 0",
    "30 23 * * 6",
    "0 0 * * 1",
    "15 2 L * *",
    "0 23 L * *",
    "45 1 1-7,25-31 3,10,11 0",
];

/// Lines for every hour.
const EVERY_HOUR: [&str; 7] = [
    "*/30 * * * *",
    "0 * * * *",
    "15 * * * *",
    "45 0-23 * * *",
    "7,52 */1 * * *",
    "*/20 * * * 0",
    "*/20 * L * *",
];

#[test]
fn lines_that_name_hours_are_due_once_for_every_time_named_in_every_zone() {
    hold_against_the_oracle(&NAMING_HOURS, Rule::NamesHours);
}

#[test]
fn lines_for_every_hour_are_due_whenever_the_clock_shows_their_minute_in_every_zone() {
    hold_against_the_oracle(&EVERY_HOUR, Rule::EveryHour);
}

fn hold_against_the_oracle(lines: &[&str], rule: Rule) {
    let changes = all_changes();
    assert!(
        changes.len() > 1_000,
        "only {} changes: is the zone data there?",
        changes.len()
    );
    let lines: Vec<_> = lines
        .iter()
        .map(|line| (*line, OracleLine::read(line, rule), cron(line)))
        .collect();
    for (change, zones) in &changes {
        let watched = Watched::around(change, zones[0]);
        for (line, oracle, schedule) in &lines {
            let expected = oracle.due(&watched);
            for zone in zones {
                let found = due_around(schedule, *zone, change);
                assert_eq!(
                    found,
                    expected,
                    "{line:?} in {zone}, change at {}",
                    instant(change.minute)
                );
            }
        }
    }
}

/// Minutes in which the schedule is due around a change, each asked for after the one before, as a scheduler does.
fn due_around(schedule: &Schedule, zone: Tz, change: &Change) -> Vec<i64> {
    let start = Timestamp::from(instant(change.first_minute()));
    std::iter::successors(schedule.next_after(zone, start, start), |due| {
        schedule.next_after(zone, start, *due)
    })
    .map(|due| due.as_millis() / 60_000)
    .take_while(|minute| *minute <= change.last_minute())
    .collect()
}
