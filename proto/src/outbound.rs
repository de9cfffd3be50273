//! How an answer leaves: what of it is said at all (F-08), and the life of an outbox row.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ChatId, GroupId, OutboxId, TurnId};
use crate::time::Timestamp;

/// Removes every closed `<internal>…</internal>` and surrounding blanks (F-08); `None` when nothing is left to say.
pub fn strip_internal(text: &str) -> Option<String> {
    const OPEN: &str = "<internal>";
    const CLOSE: &str = "</internal>";
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let Some(length) = rest[start..].find(CLOSE) else { break };
        said.push_str(&rest[..start]);
        rest = &rest[start + length + CLOSE.len()..];
    }
    said.push_str(rest);
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

/// Something to say, before it is an outbox row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Unique within the turn: `final`, `extra:<n>`, `notice`, or the id of the tool use that sent it.
    pub key: String,
    /// Chat to say it in.
    pub chat: ChatId,
    /// Text to say.
    pub text: String,
    /// Role name the agent wants to speak as, where the channel knows such (IPC-04).
    pub sender: Option<String>,
}

/// State of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Waits to be sent.
    Pending,
    /// An attempt was charged; it may have left.
    Sending,
    /// The platform has it.
    Sent,
    /// It may or may not have arrived, and the channel cannot tell.
    Uncertain,
    /// Given up.
    Dead,
}

impl OutboxState {
    /// The word stored in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Uncertain => "uncertain",
            Self::Dead => "dead",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Sending, Self::Sent, Self::Uncertain, Self::Dead]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// An outbox row as its channel sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Identity; also the idempotency key towards the platform.
    pub id: OutboxId,
    /// Chat to say it in.
    pub chat: ChatId,
    /// Channel of that chat.
    pub channel: String,
    /// Account of that chat.
    pub account: String,
    /// Group that speaks.
    pub group: GroupId,
    /// Turn it belongs to; none for a notice of the system.
    pub turn: Option<TurnId>,
    /// Position in its chat: deliveries of one chat are sent in this order.
    pub seq: i64,
    /// Text to say.
    pub text: String,
    /// Role name the agent wants to speak as.
    pub sender: Option<String>,
    /// State.
    pub state: OutboxState,
    /// Attempts charged so far.
    pub attempts: u32,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What became of one attempt to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The platform has it under this id.
    Sent {
        /// The platform's message id, where it has one.
        platform_id: Option<String>,
    },
    /// It surely did not leave or was refused for now (DNS, refused connection, 429, nobody there).
    NotSent {
        /// Why.
        reason: String,
        /// When the platform wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It left, and no answer came.
    Uncertain {
        /// Why.
        reason: String,
    },
    /// The platform will never take it.
    Rejected {
        /// Why.
        reason: String,
    },
}

/// What a channel says about sending the same thing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The receiver deduplicates by our id: send again.
    Harmless,
    /// Somebody would see it twice: leave it uncertain.
    Never,
}

/// What happens to an outbox row next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterSend {
    /// Done.
    Sent {
        /// The platform's message id.
        platform_id: Option<String>,
    },
    /// Try again, not before this time.
    Retry {
        /// Why.
        reason: String,
        /// Earliest time.
        not_before: Timestamp,
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

/// Decides what happens after an attempt to send; `attempts` counts this one.
pub fn decide_after_send(outcome: SendOutcome, attempts: u32, resend: Resend, now: Timestamp) -> AfterSend {
    let retry = |reason: String, retry_after: Option<Duration>| {
        if attempts >= SEND_ATTEMPTS_MAX {
            return AfterSend::Dead {
                reason: format!("{reason}; given up after {attempts} attempts"),
            };
        }
        let backoff = SEND_BACKOFF
            .saturating_mul(1 << (attempts.saturating_sub(1)).min(16))
            .min(SEND_BACKOFF_MAX);
        AfterSend::Retry {
            reason,
            not_before: now + retry_after.unwrap_or(backoff),
        }
    };
    match (outcome, resend) {
        (SendOutcome::Sent { platform_id }, _) => AfterSend::Sent { platform_id },
        (SendOutcome::NotSent { reason, retry_after }, _) => retry(reason, retry_after),
        (SendOutcome::Uncertain { reason }, Resend::Harmless) => retry(reason, None),
        (SendOutcome::Uncertain { reason }, Resend::Never) => AfterSend::Uncertain { reason },
        (SendOutcome::Rejected { reason }, _) => AfterSend::Dead { reason },
    }
}

/// Decides about an attempt whose process died or lost its account: it may have left. Where sending again is harmless it is
/// sent again at once, since our own death says nothing about the platform.
pub fn decide_after_interruption(attempts: u32, resend: Resend, now: Timestamp) -> AfterSend {
    let outcome = SendOutcome::Uncertain {
        reason: "the process ended while sending".to_owned(),
    };
    match decide_after_send(outcome, attempts, resend, now) {
        AfterSend::Retry { reason, not_before: _ } => AfterSend::Retry {
            reason,
            not_before: now,
        },
        decided => decided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_08_internal_blocks_are_removed() {
        assert_eq!(strip_internal("a<internal>x\ny</internal>b"), Some("ab".into()));
        assert_eq!(
            strip_internal(" <internal>a</internal> c <internal>b</internal> "),
            Some("c".into())
        );
        assert_eq!(strip_internal("<internal>only</internal>\n"), None);
        assert_eq!(
            strip_internal("<internal>open"),
            Some("<internal>open".into()),
            "an unclosed tag stays"
        );
        assert_eq!(
            strip_internal("<Internal>a</Internal>"),
            Some("<Internal>a</Internal>".into())
        );
    }

    #[test]
    fn what_may_have_arrived_is_sent_again_only_where_that_is_harmless() {
        let lost = || SendOutcome::Uncertain {
            reason: "no answer".into(),
        };
        let now = Timestamp::from_millis(0);
        assert!(matches!(
            decide_after_send(lost(), 1, Resend::Harmless, now),
            AfterSend::Retry { .. }
        ));
        assert!(matches!(
            decide_after_send(lost(), 1, Resend::Never, now),
            AfterSend::Uncertain { .. }
        ));
    }

    #[test]
    fn an_interrupted_send_is_repeated_only_where_that_is_harmless_and_not_for_ever() {
        let now = Timestamp::from_millis(5);
        let again = decide_after_interruption(9, Resend::Harmless, now);
        assert!(matches!(again, AfterSend::Retry { not_before, .. } if not_before == now));
        assert!(matches!(
            decide_after_interruption(1, Resend::Never, now),
            AfterSend::Uncertain { .. }
        ));
        let last = decide_after_interruption(SEND_ATTEMPTS_MAX, Resend::Harmless, now);
        assert!(
            matches!(last, AfterSend::Dead { .. }),
            "a delivery that kills the process ends as well"
        );
    }

    #[test]
    fn the_platform_decides_when_to_retry_else_the_wait_doubles_up_to_five_minutes() {
        let now = Timestamp::from_millis(0);
        let wait = |attempts, retry_after| {
            let outcome = SendOutcome::NotSent {
                reason: "busy".into(),
                retry_after,
            };
            match decide_after_send(outcome, attempts, Resend::Never, now) {
                AfterSend::Retry { not_before, .. } => not_before.as_millis() / 1000,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            (wait(1, None), wait(2, None), wait(3, None), wait(30, None)),
            (1, 2, 4, 300)
        );
        assert_eq!(wait(9, Some(Duration::from_secs(7))), 7);
    }
}
