//! Decides which runners are dead. Pure: rows and times in, verdicts out.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ids::RunnerId;
use proto::lease::{LeaseTimings, Observation};
use proto::time::Monotonic;
use store::RunnerRow;

/// Longest gap between two readings, in heartbeat intervals. After a longer one this process was away itself (paused,
/// suspended, starved), and with it perhaps the runners it watches: it must not blame them for it.
const GAP_MAX_HEARTBEATS: u32 = 2;

/// What was seen of each runner.
#[derive(Debug)]
pub(super) struct Watch {
    timings: LeaseTimings,
    seen: BTreeMap<RunnerId, Observation>,
    last_answer: Option<Monotonic>,
}

impl Watch {
    pub(super) fn new(timings: LeaseTimings) -> Self {
        Self {
            timings,
            seen: BTreeMap::new(),
            last_answer: None,
        }
    }

    /// Starts over: no runner has been silent for any time yet.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.last_answer = None;
    }

    /// Takes the rows as read some time between `asked` and `answered`, and returns those of dead runners.
    ///
    /// Both times are needed to err on the side of life: a change happened at the latest when it was `answered`, and
    /// the silence lasted at least until it was `asked`.
    pub(super) fn read(&mut self, rows: &[RunnerRow], asked: Monotonic, answered: Monotonic) -> Vec<RunnerRow> {
        if self
            .last_answer
            .is_some_and(|last| answered.since(last) > self.gap_max())
        {
            self.forget();
        }
        self.last_answer = Some(answered);
        let mut seen = BTreeMap::new();
        let mut dead = Vec::new();
        for row in rows.iter().filter(|row| !row.dead) {
            let observation = match self.seen.remove(&row.runner) {
                Some(before) => before.observe(row.incarnation, row.heartbeat, answered),
                None => first_seen(row, answered),
            };
            if observation.is_dead(&self.timings, asked) {
                dead.push(row.clone());
            }
            seen.insert(row.runner.clone(), observation);
        }
        self.seen = seen;
        dead
    }

    fn gap_max(&self) -> Duration {
        self.timings.heartbeat * GAP_MAX_HEARTBEATS
    }
}

fn first_seen(row: &RunnerRow, now: Monotonic) -> Observation {
    Observation {
        runner: row.runner.clone(),
        incarnation: row.incarnation,
        heartbeat: row.heartbeat,
        changed_at: now,
    }
}

#[cfg(test)]
mod tests {
    use proto::ids::Incarnation;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn row(heartbeat: i64) -> RunnerRow {
        RunnerRow {
            runner: RunnerId::new("r"),
            incarnation: Incarnation(1),
            heartbeat,
            dead: false,
        }
    }

    /// Reads the same row every second and returns the second of the first verdict.
    fn dies_at(watch: &mut Watch, seconds: std::ops::Range<u64>) -> Option<u64> {
        seconds
            .into_iter()
            .find(|second| !watch.read(&[row(1)], at(*second), at(*second)).is_empty())
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
            assert!(watch.read(&[row(beat)], at(second), at(second)).is_empty());
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
        assert!(watch.read(&[row(1)], at(0), at(4)).is_empty());
        for second in 5..19 {
            assert!(watch.read(&[row(1)], at(second), at(second)).is_empty(), "at {second}");
        }
        assert!(watch.read(&[row(1)], at(18), at(24)).is_empty());
        assert_eq!(watch.read(&[row(1)], at(25), at(25)), [row(1)]);
    }

    #[test]
    fn who_was_declared_dead_is_not_declared_again() {
        let mut watch = Watch::new(LeaseTimings::FAST);
        assert_eq!(dies_at(&mut watch, 0..100), Some(15));
        let dead = RunnerRow { dead: true, ..row(1) };
        assert!(watch.read(&[dead], at(16), at(16)).is_empty());
    }
}
