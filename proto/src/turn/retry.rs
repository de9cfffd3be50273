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
/// Shortest and longest wait for something that is no fault of the message, such as a store of files that is away.
pub const AWAY_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
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

/// Decides whether a turn may be attempted at all: once [`RUNNER_DEATHS_MAX`] runners died over it, or [`ATTEMPTS_MAX`] attempts
/// counted, its head is given up before another one. Attempts that kill their runner or panic never get as far as failing, so
/// this cannot wait for a failure.
pub fn decide_before_attempt(batch: &TurnBatch) -> Option<AfterFailure> {
    if batch.runner_deaths < RUNNER_DEATHS_MAX && batch.attempt <= ATTEMPTS_MAX {
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
    jittered(doubled, random)
}

/// Wait before an attempt over `batch` that could not begin is made again. It grows with the age of the batch, which is known
/// wherever the next one is made; nobody counts such attempts.
pub fn wait_while_away(batch: &[InboxMessage], random: f64, now: Timestamp) -> Duration {
    let age = head_of(batch).map_or(Duration::ZERO, |head| now.since(head.envelope.sent_at));
    let (shortest, longest) = AWAY_WAIT;
    jittered((age / 2).clamp(shortest, longest), random)
}

fn jittered(wait: Duration, random: f64) -> Duration {
    wait.mul_f64(1.0 + JITTER * (2.0 * random.clamp(0.0, 1.0) - 1.0))
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
    use crate::ids::{ChatId, GroupId, InboxOrd, TurnId};
    use crate::inbound::{Details, Envelope};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn message(age: Duration) -> InboxMessage {
        let envelope = Envelope {
            dedup_key: "cli:local:1".into(),
            group: GroupId::parse("main").unwrap(),
            chat: ChatId::new("cli:main"),
            sender: "u".into(),
            sender_name: "Ann".into(),
            text: "hi".into(),
            sent_at: NOW - age,
            engages: true,
            trace: None,
            task: None,
            details: Details::default(),
        };
        InboxMessage {
            ord: InboxOrd(7),
            envelope,
        }
    }

    fn given_up(attempt: u32, runner_deaths: u32) -> bool {
        let batch = TurnBatch {
            turn: TurnId(uuid::Uuid::nil()),
            attempt,
            runner_deaths,
            cursor: InboxOrd(6),
            messages: vec![message(Duration::ZERO)],
            session: None,
            interrupted: None,
            snapshot: None,
        };
        match decide_before_attempt(&batch) {
            Some(AfterFailure::DeadLetter { through, .. }) => through == InboxOrd(7),
            Some(AfterFailure::Retry { .. }) | None => false,
        }
    }

    #[test]
    fn what_never_gets_as_far_as_failing_is_given_up_before_the_next_attempt() {
        assert!(!given_up(ATTEMPTS_MAX, RUNNER_DEATHS_MAX - 1));
        assert!(given_up(ATTEMPTS_MAX + 1, 0));
        assert!(given_up(1, RUNNER_DEATHS_MAX));
    }

    #[test]
    fn the_wait_for_what_is_away_grows_with_the_age_of_what_waits() {
        let wait = |age, random| wait_while_away(&[message(Duration::from_secs(age))], random, NOW).as_millis();
        assert_eq!(
            [0, 4, 20, 3_600].map(|age| wait(age, 0.5)),
            [2_000, 2_000, 10_000, 30_000]
        );
        assert_eq!((wait(20, 0.0), wait(20, 1.0)), (8_000, 12_000));
    }

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
