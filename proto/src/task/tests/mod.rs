//! What tasks promise.

mod asked;
mod nanoclaw_table;
mod passes;
mod properties;
mod records;
mod two_leaders;

use std::time::Duration;

use chrono_tz::Tz;

use super::{DueTask, Misfire};
use crate::schedule::{Schedule, ScheduleKind};
use crate::time::Timestamp;

fn at(text: &str) -> Timestamp {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
}

fn schedule(kind: ScheduleKind, value: &str) -> Schedule {
    Schedule::parse(kind, value).unwrap()
}

fn due_task(schedule: &Schedule, due: Timestamp, misfire: Misfire) -> DueTask<'_> {
    DueTask {
        schedule,
        zone: Tz::Europe__Berlin,
        due,
        misfire,
        max_lateness: None,
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
