//! What follows from an attempt to send.

use std::time::Duration;

use super::{Delivery, Part, Resend, SendOutcome};
use crate::time::Timestamp;

/// What happens to an outbox row next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterSend {
    /// Done.
    Sent {
        /// The platform's message id.
        platform_id: Option<String>,
    },
    /// A part is done, and the next one is due at once.
    Part {
        /// How far the text has been sent now, in bytes.
        through: u32,
        /// Whether this or an earlier part may not have arrived.
        in_doubt: bool,
    },
    /// Try again, not before this time.
    Retry {
        /// Why.
        reason: String,
        /// Earliest time.
        not_before: Timestamp,
        /// Whether it counts towards giving up: an attempt that the account's own state refused does not.
        counts: bool,
    },
    /// Leave it, visibly.
    Uncertain {
        /// Why.
        reason: String,
    },
    /// Give up, visibly.
    Dead {
        /// Why.
        reason: String,
    },
}

/// First wait after a failed attempt to send.
pub const SEND_BACKOFF: Duration = Duration::from_secs(1);
/// Longest wait between attempts to send.
pub const SEND_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Attempts in a row with an answer that says "not now" or no answer at all before a row is given up. With the
/// back-off above that is about four days: a platform that is down over a weekend loses nothing.
pub const SEND_ATTEMPTS_MAX: u32 = 1_200;

/// Decides what happens after an attempt at a part of a delivery.
pub fn decide_after_send(
    outcome: SendOutcome,
    delivery: &Delivery,
    part: &Part,
    resend: Resend,
    now: Timestamp,
) -> AfterSend {
    let failures = delivery.failures + 1;
    let retry = |reason: String, retry_after: Option<Duration>| {
        if failures >= SEND_ATTEMPTS_MAX {
            return AfterSend::Dead {
                reason: format!("{reason}; given up after {failures} attempts"),
            };
        }
        AfterSend::Retry {
            reason,
            not_before: now + retry_after.unwrap_or_else(|| backoff(failures)),
            // A platform that asks for a short wait again and again has a limit, not a failure.
            counts: retry_after.is_none_or(|wait| wait >= backoff(failures)),
        }
    };
    match (outcome, resend) {
        (SendOutcome::Sent { platform_id }, _) => after_part(delivery, part, platform_id, None),
        (SendOutcome::NotSent { reason, retry_after }, _) => retry(reason, retry_after),
        (SendOutcome::Uncertain { reason }, Resend::Harmless) => retry(reason, None),
        (SendOutcome::Uncertain { reason }, Resend::Never) => after_part(delivery, part, None, Some(reason)),
        (SendOutcome::Rejected { reason }, _) => AfterSend::Dead { reason },
        (SendOutcome::AccountDown { reason, retry_after }, _) => AfterSend::Retry {
            reason,
            not_before: now + retry_after.unwrap_or(SEND_BACKOFF),
            counts: false,
        },
    }
}

/// A part that is over, for good or in doubt: what comes after it is sent all the same, and the row says at its end that
/// something may be missing.
fn after_part(delivery: &Delivery, part: &Part, platform_id: Option<String>, doubt: Option<String>) -> AfterSend {
    let in_doubt = delivery.in_doubt || doubt.is_some();
    match (part.is_last, in_doubt) {
        (false, _) => AfterSend::Part {
            through: part.through,
            in_doubt,
        },
        (true, false) => AfterSend::Sent { platform_id },
        (true, true) => AfterSend::Uncertain {
            reason: doubt.unwrap_or_else(|| "an earlier part may not have arrived".to_owned()),
        },
    }
}

/// Decides about an attempt whose process died or lost its account: it may have left. Where sending again is harmless it is
/// sent again at once, since our own death says nothing about the platform.
pub fn decide_after_interruption(delivery: &Delivery, part: &Part, resend: Resend, now: Timestamp) -> AfterSend {
    let outcome = SendOutcome::Uncertain {
        reason: "the process ended while sending".to_owned(),
    };
    match decide_after_send(outcome, delivery, part, resend, now) {
        AfterSend::Retry { reason, counts, .. } => AfterSend::Retry {
            reason,
            not_before: now,
            counts,
        },
        decided => decided,
    }
}

fn backoff(failures: u32) -> Duration {
    SEND_BACKOFF
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(SEND_BACKOFF_MAX)
}
