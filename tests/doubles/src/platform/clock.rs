//! The platform's own clock: the machine's, and a test may move it forward.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that tells the time of day and can be moved forward, so that windows and limits pass without a wait.
#[derive(Debug, Default)]
pub struct PlatformClock {
    ahead_ms: AtomicU64,
}

impl PlatformClock {
    /// Milliseconds since 1970.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "a peer has its own clock; it must not be the one the code under test is given"
    )]
    pub fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        machine.saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now_s(&self) -> u64 {
        self.now_ms() / 1_000
    }

    /// Moves the clock forward for good.
    pub fn advance(&self, span: Duration) {
        let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(span, Ordering::Relaxed);
    }
}
