//! The circuit breaker of one account: while the platform does not answer, or refuses the account, one attempt at a time finds
//! out whether that is over. Rows wait in order meanwhile, and nothing is charged to them.

use std::time::Duration;

use proto::outbound::SendOutcome;
use proto::time::Monotonic;

/// Attempts in a row without an answer after which the platform is taken to be away.
const FAILURES_MAX: u32 = 5;
/// First wait before it is tried again.
const OPEN: Duration = Duration::from_secs(2);
/// Longest one.
const OPEN_MAX: Duration = Duration::from_secs(60);

/// The state of the breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// The platform answers, as far as is known.
    Closed {
        /// Attempts in a row without an answer.
        failures: u32,
    },
    /// Nothing is sent until then.
    Open {
        /// When one attempt is made.
        until: Monotonic,
        /// How often in a row it was opened before.
        times: u32,
    },
    /// One attempt finds out.
    Trial {
        /// How often in a row it was opened.
        times: u32,
    },
}

/// What an attempt says about the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The platform answers.
    Answered,
    /// It does not.
    Failed(String),
    /// It refuses the account, for at least this long where it says so.
    Refused(String, Option<Duration>),
}

impl Verdict {
    pub(super) fn of(outcome: &SendOutcome) -> Self {
        match outcome {
            // A platform that says "later" answers; so does one that rejects a message.
            SendOutcome::Sent { .. }
            | SendOutcome::Rejected { .. }
            | SendOutcome::NotSent {
                retry_after: Some(_), ..
            } => Self::Answered,
            SendOutcome::NotSent {
                reason,
                retry_after: None,
            }
            | SendOutcome::Uncertain { reason } => Self::Failed(reason.clone()),
            SendOutcome::AccountDown { reason, retry_after } => Self::Refused(reason.clone(), *retry_after),
        }
    }
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self::Closed { failures: 0 }
    }

    /// How many attempts may be under way now, of at most `max`.
    pub(super) fn room(&mut self, now: Monotonic, max: usize) -> usize {
        if let Self::Open { until, times } = *self
            && until <= now
        {
            *self = Self::Trial { times };
        }
        match self {
            Self::Closed { .. } => max,
            Self::Open { .. } => 0,
            Self::Trial { .. } => 1,
        }
    }

    /// Takes note of an attempt; `fraction` is random in `0.0..1.0`. Returns why nothing can be sent, if that is so now.
    pub(super) fn note(&mut self, verdict: Verdict, now: Monotonic, fraction: f64) -> Option<String> {
        let times = match self {
            Self::Closed { .. } => 0,
            Self::Open { times, .. } | Self::Trial { times } => *times,
        };
        let open = |at_least: Duration| {
            let wait = OPEN.saturating_mul(1 << times.min(16)).min(OPEN_MAX);
            Self::Open {
                until: now + wait.mul_f64(0.5 + fraction / 2.0).max(at_least),
                times: times.saturating_add(1),
            }
        };
        let (next, trouble) = match (verdict, &*self) {
            (Verdict::Answered, _) => (Self::Closed { failures: 0 }, None),
            (Verdict::Refused(reason, wait), _) => (open(wait.unwrap_or_default()), Some(reason)),
            (Verdict::Failed(_), Self::Closed { failures }) if failures + 1 < FAILURES_MAX => {
                let failures = failures + 1;
                (Self::Closed { failures }, None)
            }
            (Verdict::Failed(reason), _) => (open(Duration::ZERO), Some(reason)),
        };
        *self = next;
        trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn failed() -> Verdict {
        Verdict::Failed("reset".into())
    }

    #[test]
    fn a_platform_that_does_not_answer_is_asked_by_one_attempt_at_a_time() {
        let mut breaker = Breaker::new();
        for _ in 1..FAILURES_MAX {
            assert_eq!(breaker.note(failed(), at(0), 1.0), None);
            assert_eq!(breaker.room(at(0), 16), 16);
        }
        assert!(breaker.note(failed(), at(0), 1.0).is_some());
        assert_eq!((breaker.room(at(1), 16), breaker.room(at(2), 16)), (0, 1));
        assert!(breaker.note(failed(), at(2), 1.0).is_some());
        assert_eq!((breaker.room(at(5), 16), breaker.room(at(6), 16)), (0, 1));
        assert_eq!(breaker.note(Verdict::Answered, at(6), 1.0), None);
        assert_eq!(breaker.room(at(6), 16), 16);
    }

    #[test]
    fn a_refused_account_waits_as_long_as_the_platform_says() {
        let mut breaker = Breaker::new();
        let refused = Verdict::Refused("429".into(), Some(Duration::from_secs(90)));
        assert_eq!(breaker.note(refused, at(0), 0.0).as_deref(), Some("429"));
        assert_eq!((breaker.room(at(89), 16), breaker.room(at(90), 16)), (0, 1));
    }

    #[test]
    fn the_wait_grows_to_a_minute_and_no_further() {
        let mut breaker = Breaker::new();
        for _ in 0..40 {
            breaker.note(Verdict::Refused("401".into(), None), at(0), 1.0);
        }
        assert_eq!((breaker.room(at(59), 16), breaker.room(at(60), 16)), (0, 1));
    }

    #[test]
    fn one_busy_chat_says_nothing_about_the_account() {
        let busy = SendOutcome::NotSent {
            reason: "429".into(),
            retry_after: Some(Duration::from_secs(5)),
        };
        assert_eq!(Verdict::of(&busy), Verdict::Answered);
    }
}
