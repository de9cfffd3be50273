//! From text to a cron line. What croner would take in a looser sense is refused before it is asked.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

use super::super::InvalidCron;
use super::super::error::quoted;
use super::{CronLine, fields};

/// Longest line, in characters: a full list of minutes has 169.
pub(in super::super) const LINE_CHARS_MAX: usize = 256;

/// A stretch of years in which every date there is occurs on every day of the week: the 29th of February returns to the
/// same weekday after 28 years.
const ALL_DATES: (i32, usize) = (2000, 28 * 366);

const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl CronLine {
    /// Reads a line.
    ///
    /// # Errors
    /// [`InvalidCron`] for a line that is malformed, has seconds, or can never be due.
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        let text = text.trim();
        let chars = text.chars().take(LINE_CHARS_MAX + 1).count();
        if chars == 0 || chars > LINE_CHARS_MAX {
            return Err(InvalidCron::Length { chars });
        }
        let fields = split(spelled_out(text)?)?;
        for (index, field) in fields.iter().enumerate() {
            fields::check(index, field)?;
        }
        let pattern = parse_fields(&fields)?;
        let line = Self {
            text: text.to_owned(),
            minutes: bits(&pattern.minutes),
            hours: u32::try_from(bits(&pattern.hours)).expect("hours are below 24"),
            pattern: Arc::new(pattern),
        };
        if line.has_a_date() {
            Ok(line)
        } else {
            Err(InvalidCron::Never)
        }
    }

    /// Whether any date fits. Reads up to 28 years of dates, a bounded cost paid when a task is made, so that a search for
    /// the next date always ends with one.
    fn has_a_date(&self) -> bool {
        let (year, days) = ALL_DATES;
        NaiveDate::from_ymd_opt(year, 1, 1)
            .into_iter()
            .flat_map(|first| first.iter_days().take(days))
            .any(|date| self.fits_date(date))
    }

    /// Whether a date fits month, day of month and day of week.
    pub(super) fn fits_date(&self, date: NaiveDate) -> bool {
        let weekday = croner::Weekday::from_days_from_sunday(date.weekday().num_days_from_sunday());
        let fits_month = self.pattern.month_match(date.month());
        // croner's errors are about dates that do not exist; chrono makes none.
        fits_month.unwrap_or(false)
            && (self.pattern.day_match(date.year(), date.month(), date.day(), weekday)).unwrap_or(false)
    }
}

/// The five fields a nickname stands for; any other line as it is.
fn spelled_out(text: &str) -> Result<&str, InvalidCron> {
    if !text.contains('@') {
        return Ok(text);
    }
    let known = NICKNAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known
        .map(|(_, fields)| fields)
        .ok_or_else(|| InvalidCron::Nickname { word: quoted(text) })
}

fn split(text: &str) -> Result<[&str; 5], InvalidCron> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    <[&str; 5]>::try_from(fields).map_err(|fields| match fields.as_slice() {
        [_, rest @ ..] if rest.len() == 5 => InvalidCron::Seconds {
            without_first: quoted(&rest.join(" ")),
        },
        other => InvalidCron::Fields { found: other.len() },
    })
}

fn parse_fields(fields: &[&str; 5]) -> Result<croner::CronPattern, InvalidCron> {
    parse_croner(&fields.join(" ")).map_err(|reason| blame(fields, reason))
}

fn parse_croner(line: &str) -> Result<croner::CronPattern, CronError> {
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    parser.parse(line).map(|cron| cron.pattern)
}

/// croner does not say which field it stumbled over: the one it refuses alone.
fn blame(fields: &[&str; 5], whole: CronError) -> InvalidCron {
    let refusal = |index: usize| {
        let mut alone = ["*"; 5];
        alone[index] = fields[index];
        parse_croner(&alone.join(" ")).err().map(|reason| (index, reason))
    };
    let (field, reason) = (0..5).find_map(refusal).unwrap_or((0, whole));
    InvalidCron::Field {
        field,
        text: quoted(fields[field]),
        reason: words_of(reason),
    }
}

fn words_of(reason: CronError) -> String {
    let words = match reason {
        CronError::ComponentError(words) | CronError::InvalidPattern(words) | CronError::IllegalCharacters(words) => {
            words
        }
        other => other.to_string(),
    };
    words.trim_end_matches('.').to_lowercase()
}

fn bits(component: &croner::CronComponent) -> u64 {
    component.values().into_iter().fold(0, |bits, value| bits | 1 << value)
}
