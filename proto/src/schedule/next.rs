//! Due instants of a schedule.
//!
//! `grid` is any due instant of the schedule, or the instant the task was made: intervals hang on it, the other kinds do
//! not look at it.

use chrono_tz::Tz;

use super::Schedule;
use crate::time::Timestamp;

/// Most instants counted one by one. Beyond it a count says "at least": after a year's outage nobody asks whether a line for
/// every minute was missed 525 599 or 525 600 times, and counting must not hold up the leader.
pub const COUNTED_MAX: u64 = 1_000;

impl Schedule {
    /// First due instant of a task made at `created`, strictly later than it. `None` when there is none: a single time that
    /// is over.
    pub fn first_due(&self, zone: Tz, created: Timestamp) -> Option<Timestamp> {
        self.next_after(zone, created, created)
    }

    /// First due instant strictly later than `after`. `None` when there is none.
    pub fn next_after(&self, zone: Tz, grid: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(line) => line.next_after(zone, after),
            Self::Interval(period) => period.next_after(grid, after),
            Self::Once(time) => time.instant(zone).filter(|at| *at > after),
        }
    }

    /// Due instant that follows `due`, itself one. A single time has none, even if newer zone rules would now put it later.
    pub fn following(&self, zone: Tz, due: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(_) | Self::Interval(_) => self.next_after(zone, due, due),
            Self::Once(_) => None,
        }
    }

    /// Last due instant from `due`, itself one, up to and including `until`; `due` when no later one has come.
    pub fn latest_until(&self, zone: Tz, due: Timestamp, until: Timestamp) -> Timestamp {
        let latest = match self {
            Self::Cron(line) => latest_by_bisection(due, until, |after| line.next_after(zone, after)),
            Self::Interval(period) => period.latest_until(due, until).unwrap_or(due),
            Self::Once(_) => due,
        };
        latest.max(due)
    }

    /// Number of due instants from `due`, itself one, up to but not including `until`. Exact for intervals; at most
    /// [`COUNTED_MAX`] for cron lines.
    pub fn count(&self, zone: Tz, due: Timestamp, until: Timestamp) -> u64 {
        let counted_max = usize::try_from(COUNTED_MAX).unwrap_or(usize::MAX);
        match self {
            Self::Interval(period) => period.count(due, until),
            Self::Cron(_) | Self::Once(_) => std::iter::successors(Some(due), |at| self.following(zone, *at))
                .take_while(|at| *at < until)
                .take(counted_max)
                .count() as u64,
        }
    }
}

/// Last instant up to `until` of a strictly increasing series that has `due`.
///
/// "The next one after t has come by `until`" holds for every t before the last such instant and for none from it on, so the
/// boundary is that instant. About 40 steps, whatever the outage and however dense the line.
fn latest_by_bisection(
    due: Timestamp,
    until: Timestamp,
    next_after: impl Fn(Timestamp) -> Option<Timestamp>,
) -> Timestamp {
    let (mut latest, mut bound) = (due, until);
    while latest < bound {
        let middle = Timestamp::from_millis(latest.as_millis() + (bound.as_millis() - latest.as_millis()) / 2);
        match next_after(middle).filter(|next| *next <= until) {
            Some(next) => latest = next,
            None if middle == latest => break,
            None => bound = middle,
        }
    }
    latest
}
