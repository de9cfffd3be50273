//! A rate limit: so many at once, and one more after each period.

/// A token bucket over the platform's own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    burst: u64,
    period_ms: u64,
    /// When the bucket is full again: all that was taken is paid back by then.
    full_at_ms: u64,
}

impl Bucket {
    pub(super) const fn new(burst: u64, period_ms: u64) -> Self {
        Self {
            burst,
            period_ms,
            full_at_ms: 0,
        }
    }

    /// Takes one; `false` when there is none.
    pub(super) fn take(&mut self, now_ms: u64) -> bool {
        let after = self.full_at_ms.max(now_ms) + self.period_ms;
        let fits = after - now_ms <= self.burst * self.period_ms;
        if fits {
            self.full_at_ms = after;
        }
        fits
    }
}
