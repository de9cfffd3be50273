//! Which words may stand in which field.
//!
//! croner replaces names before it looks at fields, so it reads `0 9 * MON *` as "in January" and `MON * * * *` as "at minute
//! one". Fields in the wrong order are an easy slip for a person and a model alike; here they are refused.

use super::super::InvalidCron;
use super::super::error::quoted;

pub(in super::super) const FIELD_NAMES: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Checks the signs and words of field `index`.
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
    Ok(())
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
