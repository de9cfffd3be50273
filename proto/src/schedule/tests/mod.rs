//! What schedules promise. [`clock_changes`] holds cron lines against [`oracle`], which shares no code with them.

mod clock_changes;
mod clocks;
mod cron_lines;
mod oracle;
mod other_kinds;
mod properties;

use chrono_tz::Tz;

use super::{Schedule, ScheduleKind};
use crate::time::Timestamp;

fn cron(line: &str) -> Schedule {
    Schedule::parse(ScheduleKind::Cron, line).unwrap()
}

fn at(text: &str) -> Timestamp {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
}

/// The next due instants after `after`, as local times with offset.
fn due(schedule: &Schedule, zone: Tz, after: &str, count: usize) -> Vec<String> {
    let start = at(after);
    std::iter::successors(schedule.next_after(zone, start, start), |due| {
        schedule.next_after(zone, start, *due)
    })
    .take(count)
    .map(|due| due.to_utc().with_timezone(&zone).format("%m-%d %H:%M %:z").to_string())
    .collect()
}
