//! From local times to instants, where the local clock jumps.
//!
//! Everything rests on one function, [`first_reached`]: the instant at which the local clock first shows a time or passes
//! over it. It never decreases when the local time increases, so local times in order give instants in order, and the days
//! it cuts time into ([`LocalDay`]) touch without overlapping.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::time::Timestamp;

/// Longest stretch of local time ever left out, in minutes: Samoa skipped a whole day.
const GAP_MINUTES_MAX: i64 = 24 * 60;

const DAY: TimeDelta = TimeDelta::hours(24);

/// First instant at which the clock of `zone` shows `local` or a later time. `None` outside chrono's calendar.
///
/// For a time that exists that is the time itself, the earlier one if it exists twice. For one that does not, it is the end
/// of the gap; since 1972 every gap has ended on a whole minute, so looking at minutes finds it exactly.
pub(super) fn first_reached(zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    first_reached_utc(zone, local).map(Timestamp::from)
}

fn first_reached_utc(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    if let Some(time) = zone.from_local_datetime(&local).earliest() {
        return Some(time.to_utc());
    }
    let minute = local - TimeDelta::seconds(local.and_utc().timestamp().rem_euclid(60));
    (1..=GAP_MINUTES_MAX).find_map(|ahead| {
        let later = minute.checked_add_signed(TimeDelta::minutes(ahead))?;
        Some(zone.from_local_datetime(&later).earliest()?.to_utc())
    })
}

/// The stretch from the first instant of a local date up to the first instant of the next one.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalDay {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl LocalDay {
    pub(super) fn of(zone: Tz, date: NaiveDate) -> Option<Self> {
        let midnight = |date: NaiveDate| first_reached_utc(zone, date.and_time(NaiveTime::MIN));
        Some(Self {
            start: midnight(date)?,
            end: midnight(date.succ_opt()?)?,
        })
    }

    /// Whether the clock does not jump in it, so that instants are `start` plus the time of day. A jump changes the length of
    /// the day in which it happens, because no zone jumps back and forth within a day.
    pub(super) fn is_plain(&self) -> bool {
        self.end - self.start == DAY
    }

    /// The first instant.
    pub(super) fn start(&self) -> Timestamp {
        self.start.into()
    }

    /// The whole minutes of it that are later than `after`, in order.
    pub(super) fn minutes_after(&self, after: Timestamp) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let Self { start, end } = *self;
        let first = i64::try_from(minutes_until(start.into(), after)).unwrap_or(i64::MAX);
        let count = (end - start).num_minutes();
        (first.min(count)..count).map(move |minute| start + TimeDelta::minutes(minute))
    }
}

/// Number of whole-minute steps from `start` to the first one that is later than `after`; zero when `start` is.
pub(super) fn minutes_until(start: Timestamp, after: Timestamp) -> u64 {
    if start > after {
        return 0;
    }
    after.since(start).as_secs() / 60 + 1
}
