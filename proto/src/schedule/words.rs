//! A schedule in one line of words, for people and for files they write: `every 15m`, `at 2027-02-01T15:30`, or a cron line.
//!
//! What is shown is read back as the same schedule.

use std::fmt;

use super::error::quoted;
use super::{InvalidSchedule, Schedule, ScheduleKind};

const UNITS: [(&str, &str, i64); 5] = [
    ("w", "week", 7 * 24 * 3_600_000),
    ("d", "day", 24 * 3_600_000),
    ("h", "hour", 3_600_000),
    ("m", "minute", 60_000),
    ("s", "second", 1_000),
];

/// Reads a span such as `90s`, `15m`, `1h30m`, `2 days` or `250ms` as milliseconds; `None` for anything else.
pub fn parse_span(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let millis = number.checked_mul(unit(&rest[..letters])?)?;
        total = total.checked_add(millis)?;
        rest = rest[letters..].trim_start();
    }
    Some(total)
}

fn unit(word: &str) -> Option<i64> {
    if word == "ms" {
        return Some(1);
    }
    UNITS
        .iter()
        .find(|(short, long, _)| word == *short || word.strip_suffix('s').unwrap_or(word) == *long)
        .or_else(|| UNITS.iter().find(|(short, ..)| *short == "m" && word == "min"))
        .map(|(.., millis)| *millis)
}

fn one(word: &str) -> Option<i64> {
    UNITS
        .iter()
        .find(|(_, long, _)| word == *long)
        .map(|(.., millis)| *millis)
}

/// A span in words that [`parse_span`] reads back: `1h 30m`.
pub fn span_words(millis: i64) -> String {
    let (mut rest, mut parts) = (millis, Vec::new());
    for (short, _, size) in UNITS.iter().skip(1) {
        if rest >= *size {
            parts.push(format!("{}{short}", rest / size));
            rest %= size;
        }
    }
    if rest > 0 || parts.is_empty() {
        parts.push(format!("{rest}ms"));
    }
    parts.join(" ")
}

impl Schedule {
    /// The kind and the value that a line of words means, still to be checked by [`Schedule::parse`].
    ///
    /// # Errors
    /// [`InvalidSchedule::Words`] for `every` without a span. Everything that begins with neither `every` nor `at` is taken for a
    /// cron line.
    pub fn split_words(text: &str) -> Result<(ScheduleKind, String), InvalidSchedule> {
        let text = text.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match first {
            "every" => {
                let rest = rest.trim();
                // `every hour` is every 1 hour.
                let millis = parse_span(rest)
                    .or_else(|| one(rest))
                    .ok_or_else(|| InvalidSchedule::Words { words: quoted(text) })?;
                Ok((ScheduleKind::Interval, millis.to_string()))
            }
            "at" | "once" => Ok((ScheduleKind::Once, rest.trim().to_owned())),
            "cron" => Ok((ScheduleKind::Cron, rest.trim().to_owned())),
            _ => Ok((ScheduleKind::Cron, text.to_owned())),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(line) => f.write_str(line.as_str()),
            Self::Interval(period) => write!(f, "every {}", span_words(period.as_millis())),
            Self::Once(time) => write!(f, "at {}", time.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (ScheduleKind, String) {
        Schedule::split_words(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn words_mean_what_they_look_like() {
        for (text, kind, value) in [
            ("every 15m", ScheduleKind::Interval, "900000"),
            ("every 1h 30m", ScheduleKind::Interval, "5400000"),
            ("every 2 days", ScheduleKind::Interval, "172800000"),
            ("every hour", ScheduleKind::Interval, "3600000"),
            ("every 90 min", ScheduleKind::Interval, "5400000"),
            ("at 2027-02-01T15:30", ScheduleKind::Once, "2027-02-01T15:30"),
            ("0 9 * * 1-5", ScheduleKind::Cron, "0 9 * * 1-5"),
            ("cron 0 9 * * 1-5", ScheduleKind::Cron, "0 9 * * 1-5"),
            ("@daily", ScheduleKind::Cron, "@daily"),
        ] {
            assert_eq!(read(text), (kind, value.to_owned()), "{text}");
        }
        for text in [
            "every",
            "every now and then",
            "every 5",
            "every m",
            "every 99999999999999999w",
        ] {
            let error = Schedule::split_words(text).unwrap_err().to_string();
            assert!(error.contains("every 15m"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for (kind, value) in [
            (ScheduleKind::Cron, "0 9 * * 1-5"),
            (ScheduleKind::Interval, "5400000"),
            (ScheduleKind::Interval, "86400000"),
            (ScheduleKind::Interval, "10001"),
            (ScheduleKind::Once, "2027-02-01T15:30:00"),
        ] {
            let schedule = Schedule::parse(kind, value).unwrap();
            assert_eq!(read(&schedule.to_string()), (kind, value.to_owned()));
        }
        let shown = Schedule::parse(ScheduleKind::Interval, "5400000").unwrap().to_string();
        assert_eq!(shown, "every 1h 30m");
    }
}
