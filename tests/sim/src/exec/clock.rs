//! The clocks of a machine: a monotonic one that runs a little fast or slow, and a wall clock that people set.

use std::time::Duration;

use proto::time::{Monotonic, Timestamp};

/// Wall time at which every run begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The clocks of a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostClock {
    /// Seconds it counts in a true second.
    pub(crate) rate: f64,
    /// By how many milliseconds its wall clock is off.
    pub(crate) wall_offset_ms: i64,
}

impl HostClock {
    pub(crate) fn monotonic(&self, true_time: Duration) -> Monotonic {
        Monotonic(true_time.mul_f64(self.rate))
    }

    pub(crate) fn wall(&self, true_time: Duration) -> Timestamp {
        let moved = START + true_time;
        Timestamp::from_millis(moved.as_millis() + self.wall_offset_ms)
    }

    /// How long a span of this clock truly lasts.
    pub(crate) fn true_span(&self, span: Duration) -> Duration {
        span.div_f64(self.rate)
    }
}
