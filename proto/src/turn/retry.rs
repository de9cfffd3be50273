//! What happens after a failed attempt: back-off, and after enough of them the dead letter. No path ends in silence.

use std::time::Duration;

use super::{AfterFailure, TurnBatch};
use crate::inbound::InboxMessage;
use crate::outbound::Reply;
use crate::time::Timestamp;

/// Attempts at one turn before its head message is given up (Q-09 made six; the design says five).
pub const ATTEMPTS_MAX: u32 = 5;
/// Runner deaths in one turn before its head message is given up: a message that kills nodes must not walk the fleet.
pub const RUNNER_DEATHS_MAX: u32 = 10;
/// Wait after the first failed attempt unless something else is configured; doubles with each further one.
pub const BACKOFF: Duration = Duration::from_secs(5);
/// Share of the wait that is drawn at random, so that groups hit by one outage do not return together.
pub const JITTER: f64 = 0.2;

/// Decides what happens after attempt number `attempt` at a turn over `batch` failed.
///
/// `base` is the wait after the first attempt; `random` is drawn evenly from 0.0 to 1.0.
pub fn decide_after_failure(
    attempt: u32,
    batch: &[InboxMessage],
    reason_for_people: &str,
    base: Duration,
    random: f64,
    now: Timestamp,
) -> AfterFailure {
    match head_of(batch) {
        Some(head) if attempt >= ATTEMPTS_MAX => AfterFailure::DeadLetter {
            through: head.ord,
            notice: notice(head, reason_for_people),
        },
        Some(_) | None => AfterFailure::Retry {
            not_before: now + backoff(base, attempt, random),
        },
    }
}

/// Decides whether a turn may be attempted at all: once [`RUNNER_DEATHS_MAX`] runners died over it, its head is given up
/// before it kills another one. Such an attempt never gets as far as failing, so this cannot wait for a failure.
pub fn decide_before_attempt(batch: &TurnBatch) -> Option<AfterFailure> {
    if batch.runner_deaths < RUNNER_DEATHS_MAX {
        return None;
    }
    let head = head_of(&batch.messages)?;
    let notice = notice(head, "it was interrupted too often");
    Some(AfterFailure::DeadLetter {
        through: head.ord,
        notice,
    })
}

/// Wait before the attempt after `attempt`: `base`·2ⁿ⁻¹, ±20 %.
pub fn backoff(base: Duration, attempt: u32, random: f64) -> Duration {
    let doubled = base.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.mul_f64(1.0 + JITTER * (2.0 * random.clamp(0.0, 1.0) - 1.0))
}

/// The short notice a chat gets when its message is given up.
pub fn notice(head: &InboxMessage, reason_for_people: &str) -> Reply {
    let text = match &head.envelope.task {
        None => format!(
            "Sorry, I could not answer your message: {reason_for_people}. I have put it aside; an operator can see why."
        ),
        Some(firing) => format!(
            "Sorry, a scheduled task could not be run ({}): {reason_for_people}. An operator can see why.",
            firing.task
        ),
    };
    Reply {
        key: "notice".to_owned(),
        chat: head.envelope.chat.clone(),
        text,
        sender: None,
        extra: None,
    }
}

/// The last message that is given up with a batch: the first that engaged the agent. The chatter before it was only its
/// context and goes with it.
fn head_of(batch: &[InboxMessage]) -> Option<&InboxMessage> {
    batch.iter().find(|message| message.envelope.engages).or(batch.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_09_the_wait_doubles_from_five_seconds() {
        let waits: Vec<_> = (1..=4)
            .map(|attempt| backoff(BACKOFF, attempt, 0.5).as_secs())
            .collect();
        assert_eq!(waits, [5, 10, 20, 40]);
        assert_eq!(
            (
                backoff(BACKOFF, 1, 0.0).as_millis(),
                backoff(BACKOFF, 1, 1.0).as_millis()
            ),
            (4_000, 6_000)
        );
    }
}
