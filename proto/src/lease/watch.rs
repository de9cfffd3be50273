//! Decides which runners are dead, from readings of their heartbeats and the observer's own monotonic clock alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{LeaseTimings, Observation};
use crate::ids::{Incarnation, RunnerId};
use crate::time::Monotonic;

/// Longest gap between two readings, in heartbeat intervals. After a longer one the observer was away itself (paused,
/// suspended, starved), and with it perhaps the runners it watches: it must not blame them for it.
const GAP_MAX_HEARTBEATS: u32 = 2;

/// A runner's heartbeat as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The runner.
    pub runner: RunnerId,
    /// Its newest life.
    pub incarnation: Incarnation,
    /// Its counter.
    pub heartbeat: i64,
}

/// What was seen of each runner.
#[derive(Debug)]
pub struct Watch {
    timings: LeaseTimings,
    seen: BTreeMap<RunnerId, Observation>,
    last_answer: Option<Monotonic>,
}

impl Watch {
    /// Has seen nobody yet.
    pub fn new(timings: LeaseTimings) -> Self {
        Self {
            timings,
            seen: BTreeMap::new(),
            last_answer: None,
        }
    }

    /// Starts over: no runner has been silent for any time yet.
    pub fn forget(&mut self) {
        self.seen.clear();
        self.last_answer = None;
    }

    /// Takes the readings of all living runners, made some time between `asked` and `answered`, and returns the dead.
    ///
    /// Both times are needed to err on the side of life: a change happened at the latest when it was `answered`, and
    /// the silence lasted at least until it was `asked`.
    pub fn read(
        &mut self,
        readings: impl IntoIterator<Item = Reading>,
        asked: Monotonic,
        answered: Monotonic,
    ) -> Vec<RunnerId> {
        if self
            .last_answer
            .is_some_and(|last| answered.since(last) > self.gap_max())
        {
            self.forget();
        }
        self.last_answer = Some(answered);
        let mut seen = BTreeMap::new();
        let mut dead = Vec::new();
        for reading in readings {
            let observation = match self.seen.remove(&reading.runner) {
                Some(before) => before.observe(reading.incarnation, reading.heartbeat, answered),
                None => first_seen(&reading, answered),
            };
            if observation.is_dead(&self.timings, asked) {
                dead.push(reading.runner.clone());
            }
            seen.insert(reading.runner, observation);
        }
        self.seen = seen;
        dead
    }

    fn gap_max(&self) -> Duration {
        self.timings.heartbeat * GAP_MAX_HEARTBEATS
    }
}

fn first_seen(reading: &Reading, now: Monotonic) -> Observation {
    Observation {
        runner: reading.runner.clone(),
        incarnation: reading.incarnation,
        heartbeat: reading.heartbeat,
        changed_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn reading(heartbeat: i64) -> Reading {
        Reading {
            runner: RunnerId::new("r"),
            incarnation: Incarnation(1),
            heartbeat,
        }
    }

    fn finds_dead(watch: &mut Watch, asked: u64, answered: u64) -> bool {
        !watch.read([reading(1)], at(asked), at(answered)).is_empty()
    }

    /// Reads the same row every second and returns the second of the first verdict.
    fn dies_at(watch: &mut Watch, mut seconds: std::ops::Range<u64>) -> Option<u64> {
        seconds.find(|second| finds_dead(watch, *second, *second))
    }

    #[test]
    fn a_runner_that_stands_still_is_dead_after_fifteen_seconds() {
        assert_eq!(dies_at(&mut Watch::new(LeaseTimings::FAST), 100..200), Some(115));
    }

    #[test]
    fn a_runner_that_moves_is_never_dead() {
        let mut watch = Watch::new(LeaseTimings::FAST);
        for second in 0..100 {
            let beat = i64::try_from(second / 3).unwrap();
            assert!(watch.read([reading(beat)], at(second), at(second)).is_empty());
        }
    }

    #[test]
    fn an_observer_that_was_away_watches_anew() {
        let mut watch = Watch::new(LeaseTimings::FAST);
        assert_eq!(dies_at(&mut watch, 0..15), None);
        assert_eq!(dies_at(&mut watch, 60..200), Some(75));
    }

    #[test]
    fn a_slow_answer_makes_a_runner_neither_older_nor_dead() {
        let mut watch = Watch::new(LeaseTimings::FAST);
        assert!(!finds_dead(&mut watch, 0, 4));
        assert_eq!(dies_at(&mut watch, 5..19), None);
        assert!(!finds_dead(&mut watch, 18, 24));
        assert!(finds_dead(&mut watch, 25, 25));
    }
}
