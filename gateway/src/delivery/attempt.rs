//! One attempt to send a part of a delivery: charged, made, reconciled where it is in doubt, recorded.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::{ChatId, Epoch, OutboxId};
use proto::lease::holding::Hold;
use proto::outbound::{
    AfterSend, Delivery, Part, Reconciled, SendOutcome, decide_after_interruption, decide_after_send, next_part,
};
use proto::time::Timestamp;

use super::Tools;
use super::breaker::Verdict;
use super::lease::Lease;
use super::undelivered;
use crate::channel::Channel;
use crate::metrics::DeliveryOutcome;

/// Wait between tries to record an outcome: the platform has answered, only the store has not.
const RECORD_RETRY: Duration = Duration::from_millis(250);
/// How long it is asked whether something arrived. Platforms' histories and searches lag by seconds; the chat waits meanwhile.
const RECONCILE_SPAN: Duration = Duration::from_secs(120);
/// Shortest wait between two such questions.
const RECONCILE_WAIT_MIN: Duration = Duration::from_millis(200);

pub(super) struct Attempt {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) lease: Lease,
    pub(super) hold: Hold,
    pub(super) tools: Tools,
}

/// An attempt that has ended.
pub(super) struct Ended {
    pub(super) chat: ChatId,
    pub(super) ending: Ending,
    /// What is to leave next in its chat, where that is known.
    pub(super) next: Option<Next>,
    /// What it says about the account; nothing, if nothing was sent.
    pub(super) verdict: Option<Verdict>,
}

/// What is to leave next in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next part of the same row.
    Part(OutboxId),
    /// The row behind it.
    Behind(OutboxId),
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is recorded.
    Clear,
    /// It was not this loop's to make, or not yet.
    Refused,
    /// The store failed: the row may be in `sending` although nothing was sent.
    InDoubt,
    /// The account is somebody else's since this hold.
    LeaseLost(Epoch),
    /// The hold ended before it was known whether it arrived: the row stays in `sending`, and who holds the account next decides.
    Left,
}

/// What is known of an attempt.
enum Known {
    Outcome(SendOutcome),
    /// The platform cannot tell; the channel's policy decides.
    Nothing,
    /// The hold ended before.
    HoldEnded,
}

impl Attempt {
    pub(super) async fn make(self, id: OutboxId, chat: ChatId) -> Ended {
        let now = self.tools.clock.now();
        let ending = match self.tools.store.begin_delivery(&self.hold, id, now).await {
            Ok(Some(delivery)) => return self.send_and_record(delivery).await,
            // Somebody else took it, another is before it, or its chat moved to another account.
            Ok(None) => Ending::Refused,
            Err(store::Error::LeaseLost(_)) => Ending::LeaseLost(self.hold.epoch),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, delivery.id = %id, "an attempt to send could not be charged");
                Ending::InDoubt
            }
        };
        Ended {
            chat,
            ending,
            next: None,
            verdict: None,
        }
    }

    /// Decides about an attempt that somebody else charged and did not record.
    pub(super) async fn settle(self, delivery: Delivery) -> Ended {
        let part = self.part(&delivery);
        let after = match self.reconcile(&delivery, &part).await {
            Known::Outcome(outcome) => self.decide(outcome, &delivery, &part),
            Known::Nothing => {
                decide_after_interruption(&delivery, &part, self.channel.resend(), self.tools.clock.now())
            }
            Known::HoldEnded => return left(delivery, None),
        };
        self.record_at_length(delivery, &after, None).await
    }

    async fn send_and_record(&self, delivery: Delivery) -> Ended {
        service::crash_point!("delivery.before-send");
        // The charge may have taken long. Sent now, it could overtake or repeat what the next holder sends.
        if !self.lease.is_trusted_under(&self.hold, &*self.tools.clock) {
            let after = AfterSend::Retry {
                reason: "the lease of the account ran out before it was sent".to_owned(),
                not_before: delivery.created_at,
                counts: false,
            };
            return self.record_at_length(delivery, &after, None).await;
        }
        let part = self.part(&delivery);
        // A channel may have much to ask before the message itself leaves, which must not be after the hold has ended.
        let outcome = tokio::select! {
            biased;
            outcome = self.channel.send(&delivery, &part) => outcome,
            () = self.lease.ended(&self.hold, &*self.tools.clock) => return left(delivery, None),
        };
        service::crash_point!("delivery.after-send");
        let verdict = Some(Verdict::of(&outcome));
        let outcome = match outcome {
            SendOutcome::Uncertain { .. } => match self.reconcile(&delivery, &part).await {
                Known::Outcome(known) => known,
                Known::Nothing => outcome,
                Known::HoldEnded => return left(delivery, verdict),
            },
            _ => outcome,
        };
        let after = self.decide(outcome, &delivery, &part);
        self.record_at_length(delivery, &after, verdict).await
    }

    fn part(&self, delivery: &Delivery) -> Part {
        next_part(&delivery.text, delivery.sent_through, self.channel.limits(delivery))
    }

    fn decide(&self, outcome: SendOutcome, delivery: &Delivery, part: &Part) -> AfterSend {
        decide_after_send(outcome, delivery, part, self.channel.resend(), self.tools.clock.now())
    }

    /// Asks the platform whether a part arrived, as long as that is ours to ask.
    async fn reconcile(&self, delivery: &Delivery, part: &Part) -> Known {
        let deadline = self.tools.clock.monotonic() + RECONCILE_SPAN;
        loop {
            match self.channel.reconcile(delivery, part).await {
                Reconciled::Arrived { platform_id } => return Known::Outcome(SendOutcome::Sent { platform_id }),
                Reconciled::NotArrived => {
                    return Known::Outcome(SendOutcome::NotSent {
                        reason: "no answer came, and the platform does not have it".to_owned(),
                        retry_after: None,
                    });
                }
                Reconciled::CannotTell => return Known::Nothing,
                Reconciled::AskLater(wait) => {
                    let wait = wait.max(RECONCILE_WAIT_MIN);
                    if !self.lease.is_trusted_under(&self.hold, &*self.tools.clock) {
                        return Known::HoldEnded;
                    }
                    if self.tools.clock.monotonic() + wait > deadline {
                        return Known::Nothing;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Until the outcome is recorded nothing else of this chat may leave, so this waits as long as it takes.
    async fn record_at_length(&self, delivery: Delivery, after: &AfterSend, verdict: Option<Verdict>) -> Ended {
        let now = self.tools.clock.now();
        let next = loop {
            match record(&self.tools, &delivery, after, now).await {
                Ok(_) if matches!(after, AfterSend::Part { .. }) => break Some(Next::Part(delivery.id)),
                Ok(behind) => break behind.map(Next::Behind),
                Err(error) => tracing::warn!(
                    error = &*error,
                    delivery.id = %delivery.id,
                    "the outcome of an attempt to send could not be recorded yet"
                ),
            }
            tokio::time::sleep(RECORD_RETRY).await;
        };
        Ended {
            chat: delivery.chat,
            ending: Ending::Clear,
            next,
            verdict,
        }
    }
}

fn left(delivery: Delivery, verdict: Option<Verdict>) -> Ended {
    tracing::warn!(
        delivery.id = %delivery.id,
        "the lease of the account ended before it was known whether this arrived; its next holder decides"
    );
    Ended {
        chat: delivery.chat,
        ending: Ending::Left,
        next: None,
        verdict,
    }
}

/// Records what follows from an attempt and tells about it; returns the row behind it.
///
/// A row that is gone or was charged again since is no error: there is nothing to record.
async fn record(
    tools: &Tools,
    delivery: &Delivery,
    after: &AfterSend,
    now: Timestamp,
) -> Result<Option<OutboxId>, Box<dyn std::error::Error + Send + Sync>> {
    undelivered::tell(&*tools.ingress, delivery, after, now).await?;
    match tools
        .store
        .finish_delivery(delivery.id, delivery.attempts, after, now)
        .await
    {
        Ok(behind) => {
            tell(tools, delivery, after, now);
            Ok(behind)
        }
        Err(error @ store::Error::Unavailable(_)) => Err(error.into()),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(delivery.id = %delivery.id, error, "the outcome of an attempt to send is out of date");
            Ok(None)
        }
    }
}

fn tell(tools: &Tools, delivery: &Delivery, after: &AfterSend, now: Timestamp) {
    let Delivery {
        id, channel, attempts, ..
    } = delivery;
    let outcome = match after {
        AfterSend::Sent { platform_id: _ } => {
            tracing::debug!(delivery.id = %id, channel.name = channel, attempts, "delivered");
            tools.metrics.observe_delay(channel, now.since(delivery.created_at));
            DeliveryOutcome::Sent
        }
        AfterSend::Part { through, .. } => {
            tracing::debug!(delivery.id = %id, channel.name = channel, attempts, through, "a part was delivered");
            DeliveryOutcome::Part
        }
        AfterSend::Retry { reason, not_before, .. } => {
            tracing::warn!(delivery.id = %id, channel.name = channel, attempts, reason, %not_before, "not delivered yet");
            DeliveryOutcome::Retried
        }
        AfterSend::Uncertain { reason } => {
            tracing::warn!(delivery.id = %id, channel.name = channel, attempts, reason, "may or may not have arrived");
            DeliveryOutcome::Uncertain
        }
        AfterSend::Dead { reason } => {
            tracing::error!(delivery.id = %id, channel.name = channel, attempts, reason, "delivery given up");
            DeliveryOutcome::Dead
        }
    };
    tools.metrics.count_delivery(channel, outcome);
}
