//! When a feed is opened again.

use std::time::Duration;

use crate::channel::ReceiveError;
use crate::health::Receiving;

/// How a feed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The platform asked for a new connection.
    Asked,
    /// It broke off.
    Broke(ReceiveError),
    /// It showed no sign of life for too long.
    Silent,
}

/// First wait after a feed broke off.
const BACKOFF: Duration = Duration::from_secs(1);
/// Longest one: an outage of the platform ends at some time, and then nobody waits for long.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// First wait after the platform refused the account: nothing changes before somebody acts.
const REFUSED: Duration = Duration::from_secs(30);
/// Longest one.
const REFUSED_MAX: Duration = Duration::from_secs(600);
/// Wait while somebody else reads the feed: a former holder is gone after a long poll at the latest.
const CONFLICT: Duration = Duration::from_secs(5);

/// How the account is while its feed is closed, and how long that lasts. `failures` counts the ends in a row before this one
/// without a feed that stayed alive in between; `fraction` is random in `0.0..1.0`.
pub(super) fn after_end(ended: &Ended, failures: u32, fraction: f64) -> (Receiving, Duration) {
    let grown = |first: Duration, max: Duration| first.saturating_mul(1 << failures.min(16)).min(max);
    let (receiving, wait) = match ended {
        // Counted as a failure where it comes in a row: a platform that closes at once would be called without end.
        Ended::Asked if failures == 0 => return (Receiving::Connecting, BACKOFF.mul_f64(fraction)),
        Ended::Asked => (Receiving::Connecting, grown(BACKOFF, BACKOFF_MAX)),
        Ended::Silent => (
            Receiving::Degraded("no sign of life; opening it again".to_owned()),
            grown(BACKOFF, BACKOFF_MAX),
        ),
        Ended::Broke(ReceiveError::Refused(reason)) => {
            (Receiving::Refused(reason.clone()), grown(REFUSED, REFUSED_MAX))
        }
        Ended::Broke(error @ ReceiveError::Conflict(_)) => {
            (Receiving::Degraded(error.to_string()), grown(CONFLICT, BACKOFF_MAX))
        }
        Ended::Broke(ReceiveError::Failed(reason)) => {
            (Receiving::Degraded(reason.clone()), grown(BACKOFF, BACKOFF_MAX))
        }
    };
    // Many gateways and accounts must not call in step.
    (receiving, wait.mul_f64(0.5 + fraction / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(ended: &Ended, failures: u32) -> f64 {
        after_end(ended, failures, 1.0).1.as_secs_f64()
    }

    /// NanoClaw PR466: 65 000 reconnects a minute.
    #[test]
    fn a_broken_feed_is_tried_for_ever_at_a_falling_pace() {
        let broke = Ended::Broke(ReceiveError::Failed("reset".into()));
        let waits: Vec<_> = [0, 1, 2, 5, 6, 1_000].map(|failures| wait(&broke, failures)).into();
        assert_eq!(waits, [1.0, 2.0, 4.0, 32.0, 60.0, 60.0]);
        assert_eq!(after_end(&broke, 0, 0.0).1, BACKOFF / 2);
    }

    #[test]
    fn a_refused_account_is_tried_slowly_and_says_so() {
        let refused = Ended::Broke(ReceiveError::Refused("401".into()));
        assert_eq!((wait(&refused, 0), wait(&refused, 99)), (30.0, 600.0));
        assert_eq!(after_end(&refused, 0, 0.0).0, Receiving::Refused("401".into()));
    }

    #[test]
    fn a_platform_that_asks_for_a_new_connection_gets_one_at_once_but_not_in_a_loop() {
        assert!(wait(&Ended::Asked, 0) <= 1.0);
        assert_eq!(wait(&Ended::Asked, 6), 60.0);
    }
}
