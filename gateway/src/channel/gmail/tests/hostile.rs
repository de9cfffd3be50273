//! Answers against a Gmail that executes and loses the answer, is busy, or breaks: none lost, none doubled, none in doubt.

use std::time::Duration;

use doubles::gmail::Mail;
use doubles::platform::Mix;
use proto::outbound::{AfterSend, Reconciled, SendOutcome, decide_after_send};
use proto::time::Clock as _;

use super::subject::Subject;
use crate::channel::Channel as _;

/// Answers of one run.
const ANSWERS: usize = 300;
/// More attempts than that mean that something turns in circles.
const ATTEMPTS_MAX: usize = 100;

#[tokio::test]
async fn a_hostile_gmail_loses_nothing_and_doubles_nothing() {
    let subject = Subject::threads().await;
    // Longer than it is waited for: the thread must tell what the search does not know yet.
    subject.platform.set_search_lag(Duration::from_secs(60));
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    subject.faults.mix(7, Mix::HOSTILE);
    let mut uncertain = 0;
    for number in 0..ANSWERS {
        let (mut delivery, part) = subject.delivery(&asked.thread, &format!("answer {number}"), None);
        for attempt in 0.. {
            assert!(attempt < ATTEMPTS_MAX, "answer {number} never leaves");
            let outcome = match subject.channel.send(&delivery, &part).await {
                doubtful @ SendOutcome::Uncertain { .. } => match subject.reconciled(&delivery, &part).await {
                    Reconciled::Arrived { platform_id } => SendOutcome::Sent { platform_id },
                    Reconciled::NotArrived => SendOutcome::NotSent {
                        reason: String::new(),
                        retry_after: None,
                    },
                    _ => doubtful,
                },
                certain => certain,
            };
            let now = subject.world.clock.now();
            match decide_after_send(outcome, &delivery, &part, subject.channel.resend(), now) {
                AfterSend::Sent { .. } => break,
                AfterSend::Retry { not_before, .. } => subject.advance(not_before.since(now)),
                AfterSend::Uncertain { .. } => {
                    uncertain += 1;
                    break;
                }
                other => panic!("{other:?}"),
            }
            delivery.failures += 1;
        }
    }
    let met = subject.faults.met();
    for kind in ["lost_answer", "busy", "broken", "broken_after"] {
        assert!(met.contains_key(kind), "{kind} was not met: {met:?}");
    }
    let texts: Vec<String> = subject
        .platform
        .sent()
        .iter()
        .map(|mail| mail.text().trim().to_owned())
        .collect();
    let expected: Vec<String> = (0..ANSWERS).map(|number| format!("answer {number}")).collect();
    assert_eq!((texts, uncertain), (expected, 0));
}
