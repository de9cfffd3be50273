//! A lease in hand, and how long its holder may believe in it.

use proto::lease::holding::Hold;
use proto::lease::{LeaseTimings, Trust, decide_trust};
use proto::time::Monotonic;

/// A lease that was held when this was written. Ask [`Held::is_trusted`] right before every act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// To be sent with every act.
    pub hold: Hold,
    /// When the last good renewal was sent, by this process's clock.
    pub sent_at: Monotonic,
    timings: LeaseTimings,
}

impl Held {
    /// What was held when a renewal sent at `sent_at` turned out to be good.
    pub fn new(hold: Hold, sent_at: Monotonic, timings: LeaseTimings) -> Self {
        Self { hold, sent_at, timings }
    }

    /// Whether the holder may act now: nobody else can have taken the lease before [`Held::trusted_until`].
    pub fn is_trusted(&self, now: Monotonic) -> bool {
        decide_trust(&self.timings, self.sent_at, now) == Trust::Full
    }

    /// When trust ends unless a renewal succeeds.
    pub fn trusted_until(&self) -> Monotonic {
        self.sent_at + self.timings.trust
    }
}
