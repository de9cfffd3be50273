//! What may stand in which field.
//!
//! croner replaces names before it looks at fields, so it reads `0 9 * MON *` as "in January" and `MON * * * *` as "at minute
//! one". It takes `*/90` for minutes as Unix does, once an hour, which is not what "every 90" was to say. Both are easy slips for
//! a person and a model alike; here they are refused.

use super::super::InvalidCron;
use super::super::error::quoted;

pub(in super::super) const FIELD_NAMES: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];

/// How many values each field has.
const SPANS: [u32; 5] = [60, 24, 31, 12, 7];

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Checks the signs, words and steps of field `index`.
pub(super) fn check(index: usize, field: &str) -> Result<(), InvalidCron> {
    let sign = |found: &str| InvalidCron::Sign {
        field: index,
        found: quoted(found),
    };
    for run in field.split(|c: char| c.is_ascii_digit() || ",-*/".contains(c)) {
        let word = run.to_ascii_uppercase();
        if !word.is_empty() && !may_stand(index, &word) {
            return Err(sign(run));
        }
    }
    // croner takes an empty item of a list for nothing; it is a slip.
    if field.split(',').any(str::is_empty) {
        return Err(sign(","));
    }
    check_steps(index, field)
}

/// A step beyond the field's span never steps. One that is no number is left to croner.
fn check_steps(index: usize, field: &str) -> Result<(), InvalidCron> {
    let steps = field.split(',').filter_map(|item| item.split_once('/')?.1.parse().ok());
    match steps.max() {
        Some(step) if step > SPANS[index] => Err(InvalidCron::Step {
            field: index,
            step,
            span: SPANS[index],
        }),
        _ => Ok(()),
    }
}

fn may_stand(index: usize, word: &str) -> bool {
    match index {
        2 => ["L", "W", "LW", "?"].contains(&word),
        3 => MONTHS.contains(&word),
        4 => is_day(word),
        _ => false,
    }
}

/// A day's name, alone or with `L` or `#` after it, or one of those after a digit.
fn is_day(word: &str) -> bool {
    let name = word
        .strip_suffix('#')
        .or_else(|| word.strip_suffix('L'))
        .unwrap_or(word);
    word == "?" || word == "#L" || name.is_empty() || DAYS.contains(&name)
}
