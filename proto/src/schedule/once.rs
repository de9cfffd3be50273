//! The time of a task that runs once: as the clock in the task's zone shows it, or an instant.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;

use super::local_time::first_reached;
use super::{InvalidOnce, InvalidSchedule};
use crate::time::Timestamp;

/// Farthest a single firing may lie ahead, in years: farther is a mistyped year.
pub(super) const YEARS_AHEAD_MAX: u64 = 50;
const AHEAD_MAX: Duration = Duration::from_secs(YEARS_AHEAD_MAX * 366 * 24 * 3600);

/// Longest text of a time, in bytes: the longest RFC 3339 form with nanoseconds and offset has 35.
const TEXT_BYTES_MAX: usize = 40;

/// Forms of a local time, most usual first. A date alone is refused: it says no time of day.
const LOCAL_FORMS: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
];

/// The time of a task that runs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalOrInstant {
    text: String,
    meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Local(NaiveDateTime),
    Instant(Timestamp),
}

impl LocalOrInstant {
    /// Reads `2027-02-01T15:30:00` as local time, and the same with `Z` or an offset as an instant.
    ///
    /// # Errors
    /// [`InvalidOnce::NotATime`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidOnce> {
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX {
            return Err(InvalidOnce::NotATime);
        }
        let instant = || {
            DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|at| Meaning::Instant(at.to_utc().into()))
        };
        let local = |form| NaiveDateTime::parse_from_str(text, form).ok().map(Meaning::Local);
        let meaning = instant()
            .or_else(|| LOCAL_FORMS.into_iter().find_map(local))
            .ok_or(InvalidOnce::NotATime)?;
        Ok(Self {
            text: text.to_owned(),
            meaning,
        })
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The instant meant, for a clock in `zone`.
    pub fn instant(&self, zone: Tz) -> Option<Timestamp> {
        match self.meaning {
            Meaning::Local(time) => first_reached(zone, time),
            Meaning::Instant(at) => Some(at),
        }
    }

    /// Checks that the time is still to come, and near enough to be meant.
    pub(super) fn check_ahead(&self, zone: Tz, now: Timestamp) -> Result<(), InvalidSchedule> {
        let refused = |why| Err(InvalidSchedule::once(&self.text, why));
        match self.instant(zone) {
            None => refused(InvalidOnce::TooFar),
            Some(at) if at <= now => refused(InvalidOnce::Past { at, now, zone }),
            Some(at) if at.since(now) > AHEAD_MAX => refused(InvalidOnce::TooFar),
            Some(_) => Ok(()),
        }
    }
}
