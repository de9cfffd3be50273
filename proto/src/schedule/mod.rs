//! When a task is due: cron lines, intervals and single instants, from the text an agent or an operator wrote to the
//! due instants themselves.
//!
//! A [`Schedule`] is what was meant, checked; it holds no zone and no position. Questions about time are functions of
//! `(schedule, zone, instant)`: [`Schedule::first_due`], [`Schedule::next_after`], [`Schedule::latest_until`]. What is
//! done with due instants that were missed is not known here; that is [`crate::task::decide_firing`].
//!
//! # Local times that do not exist, or exist twice
//! Clocks are put forward and back. The rule, for every zone and every such change:
//!
//! * A line that **names hours** (`30 2 * * *`, `0 9,17 * * 1-5`, `*/10 8-18 * * *`) and a local `once` are due when the
//!   local clock *first reaches or passes* the time named. So a time that does not exist is due once, at the next
//!   existing time; a time that exists twice is due once, the first time; several that fall into one gap are due once.
//! * A line for **every hour** (`*/30 * * * *`, `15 * * * *`, `@hourly`; `0-23` and `*/1` are every hour too) is due
//!   whenever the local clock shows one of its minutes: nothing is moved, nothing left out, so `*/30` is due every real
//!   half hour right through the change, in both directions.
//!
//! Intervals count elapsed time and know no zone.
//!
//! Invariant: due instants of one schedule, asked for one after the other, strictly increase.

mod cron;
mod error;
mod interval;
mod kind;
mod local_time;
mod next;
mod once;
mod parse;
mod words;

pub use cron::CronLine;
pub use error::{InvalidCron, InvalidInterval, InvalidOnce, InvalidSchedule};
pub use interval::IntervalMs;
pub use kind::ScheduleKind;
pub use next::COUNTED_MAX;
pub use once::LocalOrInstant;
pub use words::{parse_span, span_words};

/// When a task is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At the local times a cron line names.
    Cron(CronLine),
    /// Each time a span has passed, counted from when the task was made.
    Interval(IntervalMs),
    /// At one instant.
    Once(LocalOrInstant),
}

#[cfg(test)]
mod tests;
