//! Why a schedule is refused. Agents and people read these texts, so each names the value and says what to write instead.

use chrono_tz::Tz;

use super::cron::FIELD_NAMES;
use super::{interval, once};
use crate::time::{Timestamp, shown_in};

/// How much of a refused value is repeated, in characters: it comes from outside and ends up in answers.
const QUOTED_CHARS_MAX: usize = 80;

/// Why a text is not a schedule, or not one that can begin now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The kind is unknown (IPC-D3).
    #[error("{kind:?} is not a kind of schedule; use \"cron\", \"interval\" or \"once\"")]
    Kind {
        /// What was given.
        kind: String,
    },
    /// Words that name no span.
    #[error(
        "{words:?} is not a usable schedule: write \"every 15m\" (units s, m, h, d, w), \"at 2027-02-01T15:30\", or a cron line \
         such as \"0 9 * * 1-5\""
    )]
    Words {
        /// What was given.
        words: String,
    },
    /// The cron line is wrong.
    #[error("{line:?} is not a usable cron line: {why}")]
    Cron {
        /// What was given.
        line: String,
        /// What is wrong with it.
        why: InvalidCron,
    },
    /// The interval is wrong.
    #[error("{value:?} is not a usable interval: {why}")]
    Interval {
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: InvalidInterval,
    },
    /// The time is wrong.
    #[error("{value:?} is not a usable time for a task that runs once: {why}")]
    Once {
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: InvalidOnce,
    },
}

/// What is wrong with a cron line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// Nothing, or too much.
    #[error("it has {chars} characters; write five fields such as \"0 9 * * 1-5\", at most {max} characters", max = super::cron::LINE_CHARS_MAX)]
    Length {
        /// Characters found.
        chars: usize,
    },
    /// A field for seconds.
    #[error(
        "it has six fields; seconds are not supported, because a run of the agent takes longer than that: write the \
         five fields \"{without_first}\" if the first one was meant as seconds"
    )]
    Seconds {
        /// The line without its first field.
        without_first: String,
    },
    /// Another number of fields.
    #[error(
        "it has {found} fields instead of five: minute, hour, day of month, month, day of week; for example \"0 9 * * 1-5\""
    )]
    Fields {
        /// Fields found.
        found: usize,
    },
    /// `@` with a word that names no schedule in time.
    #[error(
        "{word:?} is not known; use @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually, or the kind \
         \"interval\" for a span of time"
    )]
    Nickname {
        /// The word.
        word: String,
    },
    /// A letter or sign where it means nothing.
    #[error("the {} field has {found:?}, which means nothing there; {}", FIELD_NAMES[*field], expected(*field))]
    Sign {
        /// Field, counted from 0.
        field: usize,
        /// What stands there.
        found: String,
    },
    /// A step that is never made.
    #[error(
        "the {} field steps by {step}, but has only {span} values and begins anew after them; for a span of time use the kind \
         \"interval\" with milliseconds, for example 5400000 for 90 minutes",
        FIELD_NAMES[*field]
    )]
    Step {
        /// Field, counted from 0.
        field: usize,
        /// The step.
        step: u32,
        /// Values the field has.
        span: u32,
    },
    /// A field that is out of range or malformed, in the parser's words.
    #[error("the {} field {text:?} is wrong ({reason}); {}", FIELD_NAMES[*field], expected(*field))]
    Field {
        /// Field, counted from 0.
        field: usize,
        /// The field.
        text: String,
        /// The parser's reason.
        reason: String,
    },
    /// It names a date that does not exist.
    #[error("it can never be due: no date fits its day and month, in any year; check day of month against month")]
    Never,
}

/// What is wrong with an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInterval {
    /// Not a whole number (MCP-D2: `5min` is not 5 ms).
    #[error(
        "write a whole number of milliseconds without a unit, for example 300000 for 5 minutes or 86400000 for a day"
    )]
    NotANumber,
    /// Shorter than a run of the agent.
    #[error(
        "it is shorter than {} ms (10 seconds), less than a run of the agent takes; the value is in milliseconds, so 5 \
         minutes are 300000",
        interval::MS_MIN
    )]
    TooShort,
    /// Longer than anybody waits.
    #[error(
        "it is longer than {} ms (366 days); use the kind \"cron\" for dates or \"once\" for a single date",
        interval::MS_MAX
    )]
    TooLong,
}

/// What is wrong with the time of a task that runs once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOnce {
    /// Not a date and a time.
    #[error(
        "write a date and a time in the task's zone, for example \"2027-02-01T15:30:00\", or an instant with its offset \
         such as \"2027-02-01T15:30:00Z\" or \"2027-02-01T15:30:00+01:00\""
    )]
    NotATime,
    /// It is over (IPC-D3).
    #[error("in {zone} that is {}, and it is already {}; choose a later time", shown_in(*at, *zone), shown_in(*now, *zone))]
    Past {
        /// The instant meant.
        at: Timestamp,
        /// The time now.
        now: Timestamp,
        /// Zone both are shown in.
        zone: Tz,
    },
    /// So far away that it is a slip of the pen.
    #[error("that is more than {} years away; check the year", once::YEARS_AHEAD_MAX)]
    TooFar,
}

impl InvalidSchedule {
    /// The kind is a word that means nothing (IPC-D3).
    pub fn unknown_kind(word: &str) -> Self {
        Self::Kind { kind: quoted(word) }
    }

    pub(super) fn cron(line: &str, why: InvalidCron) -> Self {
        let line = quoted(line);
        Self::Cron { line, why }
    }

    pub(super) fn interval(value: &str, why: InvalidInterval) -> Self {
        let value = quoted(value);
        Self::Interval { value, why }
    }

    pub(super) fn once(value: &str, why: InvalidOnce) -> Self {
        let value = quoted(value);
        Self::Once { value, why }
    }
}

/// The beginning of a value from outside, for an error text.
pub(super) fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}

fn expected(field: usize) -> &'static str {
    match field {
        0 => "use 0-59, lists \"0,30\", ranges \"0-10\" and steps \"*/15\"",
        1 => "use 0-23, lists \"9,17\", ranges \"8-18\" and steps \"*/2\"",
        2 => "use 1-31, lists, ranges, steps, or L for the last day",
        3 => "use 1-12 or JAN-DEC, lists, ranges and steps",
        _ => {
            "use 0-7 (0 and 7 are Sunday) or SUN-SAT, lists, ranges, steps, \"5L\" for the last Friday or \"1#2\" for the second Monday"
        }
    }
}
