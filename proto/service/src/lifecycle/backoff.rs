//! The wait before a failed task is started again.

use std::time::Duration;

/// First wait: most failures are over by then.
const FIRST: Duration = Duration::from_millis(200);
/// Longest wait: a task that keeps failing must neither spin nor be forgotten.
const LONGEST: Duration = Duration::from_secs(30);
/// A task that ran this long before it failed starts over with the first wait.
const HEALTHY: Duration = Duration::from_secs(60);

/// Waits that double with each failure in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a failure of a task that ran for `ran`.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.failures = 0;
        }
        let wait = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute_and_starts_over_after_a_healthy_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
        assert_eq!(backoff.after(HEALTHY), FIRST);
    }
}
