//! Every change of every clock: found in the offsets alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

/// Minutes looked at before and after a change.
pub(super) const WINDOW_MINUTES: i64 = 2 * 24 * 60;

const FIRST_YEAR: i32 = 2020;
const LAST_YEAR: i32 = 2037;

/// A change of a clock: nothing else decides what happens within a window around it, so zones with the same one agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    /// First minute with the new offset, in minutes since the Unix epoch.
    pub(super) minute: i64,
    /// Seconds east of UTC before.
    pub(super) before: i32,
    /// Seconds east of UTC from then on.
    pub(super) after: i32,
}

impl Change {
    pub(super) fn first_minute(&self) -> i64 {
        self.minute - WINDOW_MINUTES
    }

    pub(super) fn last_minute(&self) -> i64 {
        self.minute + WINDOW_MINUTES
    }
}

pub(super) fn instant(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minute * 60, 0).unwrap()
}

pub(super) fn offset_seconds(zone: Tz, minute: i64) -> i32 {
    let utc = instant(minute).naive_utc();
    zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

/// The changes of all zones from 2020 to 2037, and the zones that have each.
pub(super) fn all_changes() -> BTreeMap<Change, Vec<Tz>> {
    let mut zones_by_change: BTreeMap<Change, Vec<Tz>> = BTreeMap::new();
    for zone in TZ_VARIANTS {
        for change in changes_of(zone) {
            zones_by_change.entry(change).or_default().push(zone);
        }
    }
    zones_by_change
}

/// Compares offsets 12 hours apart, then bisects: no zone changes its clock twice within 12 hours.
fn changes_of(zone: Tz) -> Vec<Change> {
    let step = TimeDelta::hours(12).num_minutes();
    let year = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap().timestamp() / 60;
    let mut changes = Vec::new();
    let (mut minute, mut before) = (year(FIRST_YEAR), offset_seconds(zone, year(FIRST_YEAR)));
    while minute < year(LAST_YEAR + 1) {
        let after = offset_seconds(zone, minute + step);
        if after != before {
            let change = first_minute_with_another_offset(zone, minute, minute + step, before);
            changes.push(Change {
                minute: change,
                before,
                after,
            });
        }
        (minute, before) = (minute + step, after);
    }
    changes
}

fn first_minute_with_another_offset(zone: Tz, mut old: i64, mut new: i64, before: i32) -> i64 {
    while new - old > 1 {
        let middle = i64::midpoint(old, new);
        if offset_seconds(zone, middle) == before {
            old = middle;
        } else {
            new = middle;
        }
    }
    new
}
