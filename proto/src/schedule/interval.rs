//! Spans between firings. The grid hangs on a due instant (`grid + n · period`), so lateness never moves it (SC-07).

use std::fmt;

use super::InvalidInterval;
use crate::time::Timestamp;

/// Shortest interval. A cold run of the agent takes seconds, so anything shorter only piles up work; NanoClaw, which looks
/// once a minute, could not run one more often either (SC-D3).
pub(super) const MS_MIN: i64 = 10_000;
/// Longest interval: a leap year. Longer spans are dates, which cron lines say better.
pub(super) const MS_MAX: i64 = 366 * 24 * 3_600_000;

/// Milliseconds between two firings, from 10 seconds to 366 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalMs(i64);

impl IntervalMs {
    /// Reads a whole number of milliseconds.
    ///
    /// # Errors
    /// [`InvalidInterval`] for anything but digits (MCP-D2), and for spans out of bounds.
    pub fn parse(text: &str) -> Result<Self, InvalidInterval> {
        let digits = text.trim();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidInterval::NotANumber);
        }
        // Only digits: what does not fit an i64 is too long, not malformed.
        match digits.parse().unwrap_or(i64::MAX) {
            ..MS_MIN => Err(InvalidInterval::TooShort),
            millis if millis > MS_MAX => Err(InvalidInterval::TooLong),
            millis => Ok(Self(millis)),
        }
    }

    /// The span in milliseconds.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// First instant of the grid through `grid` that is later than `after`.
    pub(super) fn next_after(self, grid: Timestamp, after: Timestamp) -> Option<Timestamp> {
        self.on_grid(grid, self.steps(grid, after)?.checked_add(1)?)
    }

    /// Last instant of the grid through `grid` that is not later than `until`.
    pub(super) fn latest_until(self, grid: Timestamp, until: Timestamp) -> Option<Timestamp> {
        self.on_grid(grid, self.steps(grid, until)?)
    }

    /// Number of instants of the grid through `from` in `from..until`.
    pub(super) fn count(self, from: Timestamp, until: Timestamp) -> u64 {
        u64::try_from(
            until
                .since(from)
                .as_millis()
                .div_ceil(u128::from(self.0.unsigned_abs())),
        )
        .unwrap_or(u64::MAX)
    }

    fn steps(self, grid: Timestamp, at: Timestamp) -> Option<i64> {
        Some(at.as_millis().checked_sub(grid.as_millis())?.div_euclid(self.0))
    }

    fn on_grid(self, grid: Timestamp, steps: i64) -> Option<Timestamp> {
        let offset = self.0.checked_mul(steps)?;
        grid.as_millis().checked_add(offset).map(Timestamp::from_millis)
    }
}

impl fmt::Display for IntervalMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
