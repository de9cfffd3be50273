//! What becomes of an attempt whose process died.

use proto::outbound::{AfterSend, Resend, SendOutcome, decide_after_send};
use proto::time::Timestamp;

/// Decides about a row found in `sending`: it may have left. Where sending again is harmless it is sent again at once,
/// since our own death says nothing about the platform.
pub(super) fn after_interruption(attempts: u32, resend: Resend, now: Timestamp) -> AfterSend {
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
    use proto::outbound::SEND_ATTEMPTS_MAX;

    #[test]
    fn an_interrupted_send_is_repeated_only_where_that_is_harmless_and_not_for_ever() {
        let now = Timestamp::from_millis(5);
        let again = after_interruption(9, Resend::Harmless, now);
        assert!(matches!(again, AfterSend::Retry { not_before, .. } if not_before == now));
        assert!(matches!(
            after_interruption(1, Resend::Never, now),
            AfterSend::Uncertain { .. }
        ));
        let last = after_interruption(SEND_ATTEMPTS_MAX, Resend::Harmless, now);
        assert!(
            matches!(last, AfterSend::Dead { .. }),
            "a delivery that kills the process ends as well"
        );
    }
}
