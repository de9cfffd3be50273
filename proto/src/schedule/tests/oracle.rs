//! When a cron line is due around a change of the clock, found the slow way: a clock in the zone is watched minute by minute.
//!
//! Shares nothing with the code under test: no croner, no local time turned into an instant, its own reading of the fields.
//! Which of the two rules a line follows is said by whoever writes the line down.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

use super::clocks::{Change, offset_seconds};

const MINUTES_PER_DAY: i64 = 1440;

/// Which half of the rule a line follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Due when the clock first reaches or passes the time.
    NamesHours,
    /// Due whenever the clock shows the time.
    EveryHour,
}

/// A line of numbers, lists, ranges, steps and `L`.
pub(super) struct OracleLine {
    rule: Rule,
    minute_of_day: Vec<bool>,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
}

struct Field {
    any: bool,
    last: bool,
    values: Vec<u32>,
}

/// What the clock in a zone shows in each minute around a change: minutes since the epoch, UTC and local.
pub(super) struct Watched(Vec<(i64, i64)>);

impl Watched {
    pub(super) fn around(change: &Change, zone: Tz) -> Self {
        let minutes = change.first_minute()..=change.last_minute();
        Self(
            minutes
                .map(|minute| (minute, minute + i64::from(offset_seconds(zone, minute) / 60)))
                .collect(),
        )
    }
}

impl OracleLine {
    pub(super) fn read(line: &str, rule: Rule) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let (minute, hour) = (Field::read(fields[0], 0, 59), Field::read(fields[1], 0, 23));
        let minute_of_day = (0..24 * 60)
            .map(|m| hour.values.contains(&(m / 60)) && minute.values.contains(&(m % 60)))
            .collect();
        Self {
            rule,
            minute_of_day,
            day_of_month: Field::read(fields[2], 1, 31),
            month: Field::read(fields[3], 1, 12),
            day_of_week: Field::read(fields[4], 0, 6),
        }
    }

    /// The minutes after the first one watched in which it is due.
    pub(super) fn due(&self, watched: &Watched) -> Vec<i64> {
        let mut days = Days::default();
        let mut fits = |local: i64| {
            self.minute_of_day[usize::try_from(local.rem_euclid(MINUTES_PER_DAY)).unwrap()]
                && days.fits(self, local.div_euclid(MINUTES_PER_DAY))
        };
        let mut latest_shown = watched.0[0].1;
        let mut due = Vec::new();
        for &(utc, local) in &watched.0[1..] {
            let is_due = match self.rule {
                Rule::EveryHour => fits(local),
                Rule::NamesHours => (latest_shown + 1..=local).any(&mut fits),
            };
            latest_shown = latest_shown.max(local);
            if is_due {
                due.push(utc);
            }
        }
        due
    }

    fn fits_day(&self, day: i64) -> bool {
        let date_of = |day: i64| DateTime::from_timestamp(day * 86_400, 0).unwrap().date_naive();
        let date = date_of(day);
        let is_last = date_of(day + 1).month() != date.month();
        let fits_dom = self.day_of_month.values.contains(&date.day()) || self.day_of_month.last && is_last;
        let fits_dow = self.day_of_week.values.contains(&date.weekday().num_days_from_sunday());
        let fits_either = if self.day_of_month.any || self.day_of_week.any {
            fits_dom && fits_dow
        } else {
            fits_dom || fits_dow
        };
        fits_either && self.month.values.contains(&date.month())
    }
}

impl Field {
    fn read(text: &str, min: u32, max: u32) -> Self {
        let mut field = Self {
            any: text == "*",
            last: false,
            values: Vec::new(),
        };
        for item in text.split(',') {
            if item == "L" {
                field.last = true;
                continue;
            }
            let (range, step) = item.split_once('/').unwrap_or((item, "1"));
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (min, max),
                Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
                None => (range.parse().unwrap(), range.parse().unwrap()),
            };
            field.values.extend((from..=to).step_by(step.parse().unwrap()));
        }
        field
    }
}

/// Answers about days, remembered: a window has only a few.
#[derive(Default)]
struct Days(Vec<(i64, bool)>);

impl Days {
    fn fits(&mut self, line: &OracleLine, day: i64) -> bool {
        if let Some((_, fits)) = self.0.iter().rev().find(|(known, _)| *known == day) {
            return *fits;
        }
        let fits = line.fits_day(day);
        self.0.push((day, fits));
        fits
    }
}
