//! Decides when a candidate may try to take a lease. Pure: readings of the row and times in, a verdict out.

use std::time::Duration;

use proto::lease::LeaseTimings;
use proto::lease::holding::{LeaseRow, Sighting};
use proto::time::Monotonic;

/// Longest gap between two readings, in heartbeat intervals. After a longer one this process was away itself (paused,
/// suspended, starved), and with it perhaps the holder it watches: it must not blame the holder for it.
const GAP_MAX_HEARTBEATS: u32 = 2;

/// What a candidate saw of the lease.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    sighting: Option<Sighting>,
    last_answer: Option<Monotonic>,
}

impl Candidate {
    /// Starts over: the holder has not been silent for any time yet.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes the row as read some time between `asked` and `answered`; returns whether it may be taken.
    ///
    /// Both times are needed to err on the side of life: the row changed at the latest when it was `answered`, and the
    /// silence lasted at least until it was `asked`.
    pub(super) fn read(
        &mut self,
        row: &LeaseRow,
        timings: &LeaseTimings,
        asked: Monotonic,
        answered: Monotonic,
    ) -> bool {
        let gap_max: Duration = timings.heartbeat * GAP_MAX_HEARTBEATS;
        if self.last_answer.is_some_and(|last| answered.since(last) > gap_max) {
            self.forget();
        }
        self.last_answer = Some(answered);
        let sighting = Sighting::observe(self.sighting.take(), row.clone(), answered);
        let may_take = sighting.may_take(timings, asked);
        self.sighting = Some(sighting);
        may_take
    }
}

#[cfg(test)]
mod tests {
    use proto::ids::Epoch;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn row(heartbeat: i64) -> LeaseRow {
        LeaseRow {
            holder: Some("other".into()),
            epoch: Epoch(1),
            heartbeat,
        }
    }

    /// Reads the same row every second and returns the first second at which it may be taken.
    fn may_take_at(candidate: &mut Candidate, seconds: std::ops::Range<u64>) -> Option<u64> {
        seconds
            .into_iter()
            .find(|second| candidate.read(&row(1), &LeaseTimings::FAST, at(*second), at(*second)))
    }

    #[test]
    fn a_holder_that_stands_still_loses_its_lease_after_fifteen_seconds() {
        assert_eq!(may_take_at(&mut Candidate::default(), 100..200), Some(115));
    }

    #[test]
    fn a_candidate_that_was_away_watches_anew() {
        let mut candidate = Candidate::default();
        assert_eq!(may_take_at(&mut candidate, 0..15), None);
        assert_eq!(may_take_at(&mut candidate, 60..200), Some(75));
    }

    #[test]
    fn a_slow_answer_makes_a_holder_neither_older_nor_silent() {
        let mut candidate = Candidate::default();
        let mut read = |asked, answered| candidate.read(&row(1), &LeaseTimings::FAST, at(asked), at(answered));
        assert!(!read(0, 4), "seen at 4 at the latest");
        for second in 5..19 {
            assert!(!read(second, second), "at {second}");
        }
        assert!(!read(18, 20), "silent until 18 at the least");
        assert!(read(21, 21));
    }
}
