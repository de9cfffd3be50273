//! A clock that stands still until it is told to move, for tests and the simulator.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Clock, Monotonic, Timestamp};

/// Both clocks in hand. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    reading: Arc<Mutex<(Timestamp, Monotonic)>>,
}

impl ManualClock {
    /// Starts at this wall time; its monotonic clock starts at zero.
    pub fn at(now: Timestamp) -> Self {
        Self {
            reading: Arc::new(Mutex::new((now, Monotonic::default()))),
        }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, span: Duration) {
        self.change(|(now, monotonic)| (now + span, monotonic + span));
    }

    /// Sets wall time alone, as an operator or a time server may do.
    pub fn set_wall(&self, now: Timestamp) {
        self.change(|(_, monotonic)| (now, monotonic));
    }

    fn change(&self, change: impl FnOnce((Timestamp, Monotonic)) -> (Timestamp, Monotonic)) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = change(*reading);
    }

    fn reading(&self) -> (Timestamp, Monotonic) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.reading().0
    }

    fn monotonic(&self) -> Monotonic {
        self.reading().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_wall_clock_back_does_not_move_monotonic_time() {
        let clock = ManualClock::at(Timestamp::from_millis(10_000));
        clock.advance(Duration::from_secs(2));
        clock.clone().set_wall(Timestamp::from_millis(5));
        assert_eq!(
            (clock.now(), clock.monotonic()),
            (Timestamp::from_millis(5), Monotonic(Duration::from_secs(2)))
        );
    }
}
