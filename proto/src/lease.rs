//! How long a runner may trust itself, and when others may call it dead. No wall clock takes part. What one service
//! instance of several may hold (leadership, an account) lives by the same rule: see [`holding`].
//!
//! Proof of no overlap: a runner stops acting `trust` after it *sent* its last good heartbeat and kills at `kill`; the
//! leader waits `dead` after it *saw* the counter change for the last time, which is later than the sending. With
//! clocks running up to 10 % apart, `kill × 1.1 < dead × 0.9` keeps the two apart.

pub mod holding;
pub mod watch;

use std::time::Duration;

use crate::ids::{Incarnation, RunnerId};
use crate::time::Monotonic;

/// The four spans of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimings {
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// After this long without a good heartbeat the runner is fenced: proxy closed, sandboxes paused, no writes.
    pub trust: Duration,
    /// After this long it kills its sandboxes.
    pub kill: Duration,
    /// After this long without a change of the counter the leader declares it dead.
    pub dead: Duration,
}

impl LeaseTimings {
    /// The default.
    pub const FAST: Self = Self::of_seconds(3, 9, 12, 15);
    /// For databases whose failover takes longer than nine seconds.
    pub const CALM: Self = Self::of_seconds(9, 27, 36, 45);

    const fn of_seconds(heartbeat: u64, trust: u64, kill: u64, dead: u64) -> Self {
        Self {
            heartbeat: Duration::from_secs(heartbeat),
            trust: Duration::from_secs(trust),
            kill: Duration::from_secs(kill),
            dead: Duration::from_secs(dead),
        }
    }
}

/// How far a runner may trust itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It may act.
    Full,
    /// It must not act: others may be about to take over.
    Fenced,
    /// Its sandboxes must be killed now.
    Lost,
}

/// Decides how far a runner may trust itself, given when it *sent* its last good heartbeat.
pub fn decide_trust(timings: &LeaseTimings, last_good_sent: Monotonic, now: Monotonic) -> Trust {
    let silence = now.since(last_good_sent);
    if silence >= timings.kill {
        Trust::Lost
    } else if silence >= timings.trust {
        Trust::Fenced
    } else {
        Trust::Full
    }
}

/// What the leader saw of one runner's heartbeat counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The runner.
    pub runner: RunnerId,
    /// The life that was seen.
    pub incarnation: Incarnation,
    /// The counter as last seen.
    pub heartbeat: i64,
    /// When it was seen to change for the last time, by the observer's own clock.
    pub changed_at: Monotonic,
}

impl Observation {
    /// Takes a new reading; the clock restarts when anything changed.
    #[must_use]
    pub fn observe(self, incarnation: Incarnation, heartbeat: i64, now: Monotonic) -> Self {
        if self.incarnation == incarnation && self.heartbeat == heartbeat {
            self
        } else {
            Self {
                runner: self.runner,
                incarnation,
                heartbeat,
                changed_at: now,
            }
        }
    }

    /// Whether the runner may be declared dead.
    pub fn is_dead(&self, timings: &LeaseTimings, now: Monotonic) -> bool {
        now.since(self.changed_at) >= timings.dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    #[test]
    fn trust_ends_before_death_can_be_declared_even_with_clocks_ten_percent_apart() {
        for timings in [LeaseTimings::FAST, LeaseTimings::CALM] {
            assert!(timings.heartbeat * 2 < timings.trust && timings.trust < timings.kill);
            assert!(timings.kill.mul_f64(1.1) < timings.dead.mul_f64(0.9));
        }
    }

    #[test]
    fn a_silent_runner_is_fenced_at_nine_seconds_and_lost_at_twelve() {
        let decide = |now| decide_trust(&LeaseTimings::FAST, at(100), at(now));
        assert_eq!(
            (decide(108), decide(109), decide(111), decide(112)),
            (Trust::Full, Trust::Fenced, Trust::Fenced, Trust::Lost)
        );
    }

    #[test]
    fn a_changed_counter_or_incarnation_restarts_the_observation() {
        let seen = Observation {
            runner: RunnerId::new("r"),
            incarnation: Incarnation(1),
            heartbeat: 7,
            changed_at: at(0),
        };
        assert!(
            seen.clone()
                .observe(Incarnation(1), 7, at(15))
                .is_dead(&LeaseTimings::FAST, at(15))
        );
        assert!(
            !seen
                .clone()
                .observe(Incarnation(1), 8, at(15))
                .is_dead(&LeaseTimings::FAST, at(15))
        );
        assert!(
            !seen
                .observe(Incarnation(2), 7, at(15))
                .is_dead(&LeaseTimings::FAST, at(29))
        );
    }
}
