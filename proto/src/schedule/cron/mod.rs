//! Cron lines with Unix semantics.
//!
//! Five fields: minute, hour, day of month, month, day of week. Lists, ranges and steps; month and day names; 0 and 7 are
//! Sunday; `@hourly` to `@yearly`; `L` (last day), `15W` (weekday nearest to the 15th), `5L` (last Friday), `1#2` (second
//! Monday). If neither day field is `*`, a day that fits either of them fits. A field counts as `*` only when it is exactly
//! `*` or `?`: `*/2` restricts.
//!
//! croner parses the fields and says which dates fit; which *instants* that means, in zones whose clocks jump, is decided
//! here (`docs/decisions/0006-croner-not-cron.md` has the reasons and figures).

mod fields;
mod parse;
mod search;

use std::fmt;
use std::sync::Arc;

pub(super) use fields::FIELD_NAMES;
pub(super) use parse::LINE_CHARS_MAX;

/// A cron line that is due on some date.
#[derive(Clone, PartialEq, Eq)]
pub struct CronLine {
    /// As given, trimmed.
    text: String,
    /// Bit n: minute n.
    minutes: u64,
    /// Bit n: hour n.
    hours: u32,
    /// Answers for dates only. Shared between clones: it has five kilobytes, mostly for years.
    pattern: Arc<croner::CronPattern>,
}

impl CronLine {
    /// The line as given, without surrounding blanks.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CronLine").field(&self.text).finish()
    }
}
