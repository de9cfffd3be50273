//! What a pass of the scheduler fires of one task, and when the task is due next.

use std::time::Duration;

use chrono_tz::Tz;

use super::Misfire;
use crate::schedule::Schedule;
use crate::time::Timestamp;

/// Most instants of one task fired in one pass: one transaction stays short, and a task with a long backlog does not hold up
/// the others. The rest is due at once in the next pass.
pub const FIRED_PER_PASS_MAX: usize = 32;

/// Up to this late, an instant was not missed. Longer than any takeover of a dead leader (20 s), and as long as NanoClaw is
/// late in ordinary operation (SC-D3).
pub const SKIP_TOLERANCE: Duration = Duration::from_secs(60);

/// A task as the scheduler sees it when it comes due.
#[derive(Clone, Copy, Debug)]
pub struct DueTask<'a> {
    /// When it is due.
    pub schedule: &'a Schedule,
    /// In which zone.
    pub zone: Tz,
    /// First due instant that was not dealt with.
    pub due: Timestamp,
    /// What to do with missed ones.
    pub misfire: Misfire,
    /// Lateness beyond which an instant is never fired; no limit when `None`.
    pub max_lateness: Option<Duration>,
}

/// What to do, in one transaction: insert the firings, move `next_due` if it still is what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiringDecision {
    /// Due instants to fire, oldest first; at most [`FIRED_PER_PASS_MAX`].
    pub fire: Vec<Timestamp>,
    /// New `next_due`; later than every instant fired. `None`: the task is done.
    pub next_due: Option<Timestamp>,
    /// Due instants passed over; at least this many when it is [`crate::schedule::COUNTED_MAX`] or more.
    pub skipped: u64,
}

/// Decides what is fired of a task at `now`. Nothing changes while it is not due.
pub fn decide_firing(task: &DueTask<'_>, now: Timestamp) -> FiringDecision {
    if task.due > now {
        return FiringDecision {
            fire: Vec::new(),
            next_due: Some(task.due),
            skipped: 0,
        };
    }
    match task.misfire {
        Misfire::One => task.fire_latest(now, task.max_lateness),
        Misfire::Skip => task.fire_latest(
            now,
            Some(task.max_lateness.map_or(SKIP_TOLERANCE, |max| max.min(SKIP_TOLERANCE))),
        ),
        Misfire::All => task.fire_each(now),
    }
}

impl DueTask<'_> {
    /// Fires the latest instant that has come, unless it is later than `max_lateness`.
    fn fire_latest(&self, now: Timestamp, max_lateness: Option<Duration>) -> FiringDecision {
        let latest = self.schedule.latest_until(self.zone, self.due, now);
        let in_time = max_lateness.is_none_or(|max| now.since(latest) <= max);
        let passed_over = self.schedule.count(self.zone, self.due, latest);
        FiringDecision {
            fire: in_time.then_some(latest).into_iter().collect(),
            next_due: self.schedule.following(self.zone, latest),
            skipped: passed_over + u64::from(!in_time),
        }
    }

    /// Fires each instant that has come and is not too late, as many as a pass may.
    fn fire_each(&self, now: Timestamp) -> FiringDecision {
        let first = self.first_in_time(now);
        let until = first.unwrap_or(now + Duration::from_millis(1));
        let mut decision = FiringDecision {
            fire: Vec::new(),
            next_due: first,
            skipped: self.schedule.count(self.zone, self.due, until),
        };
        while let Some(due) = decision.next_due.filter(|due| *due <= now) {
            if decision.fire.len() == FIRED_PER_PASS_MAX {
                break;
            }
            decision.fire.push(due);
            decision.next_due = self.schedule.following(self.zone, due);
        }
        decision
    }

    /// First instant, come or to come, that is not too late.
    fn first_in_time(&self, now: Timestamp) -> Option<Timestamp> {
        match self.max_lateness.map(|max| now - max) {
            Some(oldest) if oldest > self.due => {
                // The last one too late is the one before it; `due` itself is too late.
                let too_late = self
                    .schedule
                    .latest_until(self.zone, self.due, oldest - Duration::from_millis(1));
                self.schedule.following(self.zone, too_late)
            }
            _ => Some(self.due),
        }
    }
}
