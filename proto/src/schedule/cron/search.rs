//! The next due instant of a cron line: dates from croner, instants from [`LocalDay`] and [`first_reached`].
//!
//! A day in which the clock does not jump, that is nearly every one, is arithmetic on two bit sets. In the others the rule of
//! [`crate::schedule`] is applied as it reads: a line that names hours goes through its local times in order, a line for every
//! hour looks at every minute.

use chrono::{NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;

use super::super::local_time::{LocalDay, first_reached, minutes_until};
use super::CronLine;
use crate::time::Timestamp;

/// How far ahead dates are looked for: a fifth Monday in February comes every 28 years, and only after 40 where a year such as
/// 2100 is no leap year.
const DAYS_AHEAD_MAX: usize = 41 * 366;

const EVERY_HOUR: u32 = (1 << 24) - 1;
const MINUTES_PER_HOUR: u64 = 60;
const HOURS_PER_DAY: u64 = 24;

impl CronLine {
    /// First due instant strictly later than `after`.
    pub(in super::super) fn next_after(&self, zone: Tz, after: Timestamp) -> Option<Timestamp> {
        // Days before the local date of `after` are over: the clock has reached all of their times.
        let today = after.to_utc().with_timezone(&zone).date_naive();
        today
            .iter_days()
            .take(DAYS_AHEAD_MAX)
            .find_map(|date| self.next_on(zone, date, after))
    }

    fn next_on(&self, zone: Tz, date: NaiveDate, after: Timestamp) -> Option<Timestamp> {
        let fits = self.fits_date(date);
        if !fits && !self.may_return_to_the_day_before(date) {
            return None;
        }
        let day = LocalDay::of(zone, date)?;
        match (day.is_plain(), self.is_every_hour()) {
            (false, true) => self.next_shown(zone, &day, after),
            (true, _) if fits => self.next_on_plain_day(&day, after),
            (false, false) if fits => self.next_reached(zone, date, after),
            _ => None,
        }
    }

    /// A clock put back just after midnight shows the end of the day before once more, and a line for every hour is due then.
    fn may_return_to_the_day_before(&self, date: NaiveDate) -> bool {
        self.is_every_hour() && date.pred_opt().is_some_and(|before| self.fits_date(before))
    }

    fn is_every_hour(&self) -> bool {
        self.hours == EVERY_HOUR
    }

    fn next_on_plain_day(&self, day: &LocalDay, after: Timestamp) -> Option<Timestamp> {
        let minute = self.minute_of_day_from(minutes_until(day.start(), after))?;
        Some(day.start() + std::time::Duration::from_secs(minute * 60))
    }

    /// First minute whose local time the line names, whatever was shown before.
    fn next_shown(&self, zone: Tz, day: &LocalDay, after: Timestamp) -> Option<Timestamp> {
        day.minutes_after(after)
            .find(|at| {
                let local = at.with_timezone(&zone).naive_local();
                self.minutes >> local.minute() & 1 == 1 && self.fits_date(local.date())
            })
            .map(Timestamp::from)
    }

    /// First local time of the date, in order, that the clock first reaches later than `after`.
    fn next_reached(&self, zone: Tz, date: NaiveDate, after: Timestamp) -> Option<Timestamp> {
        let midnight = date.and_hms_opt(0, 0, 0)?;
        let first = self.minute_of_day_from(0);
        std::iter::successors(first, |minute| self.minute_of_day_from(minute + 1))
            .filter_map(|minute| {
                let local = midnight.checked_add_signed(TimeDelta::minutes(i64::try_from(minute).ok()?))?;
                first_reached(zone, local)
            })
            .find(|at| *at > after)
    }

    /// First minute of the day, from `from` on, that the line names.
    fn minute_of_day_from(&self, from: u64) -> Option<u64> {
        let hour = from / MINUTES_PER_HOUR;
        if hour >= HOURS_PER_DAY {
            return None;
        }
        let this_hour = self.minutes >> (from % MINUTES_PER_HOUR);
        if self.hours >> hour & 1 == 1 && this_hour != 0 {
            return Some(from + u64::from(this_hour.trailing_zeros()));
        }
        let later_hours = u64::from(self.hours) & (u64::MAX << (hour + 1));
        (later_hours != 0).then(|| {
            u64::from(later_hours.trailing_zeros()) * MINUTES_PER_HOUR + u64::from(self.minutes.trailing_zeros())
        })
    }
}
