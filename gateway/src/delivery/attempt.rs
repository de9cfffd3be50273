//! One attempt to send: charged, made, recorded.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::{ChatId, Epoch, OutboxId};
use proto::lease::holding::Hold;
use proto::outbound::{AfterSend, Delivery, decide_after_send};
use proto::time::Timestamp;

use super::Tools;
use super::lease::Lease;
use crate::channel::Channel;
use crate::metrics::DeliveryOutcome;

/// Wait between tries to record an outcome: the platform has answered, only the store has not.
const RECORD_RETRY: Duration = Duration::from_millis(250);

pub(super) struct Attempt {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) lease: Lease,
    pub(super) hold: Hold,
    pub(super) tools: Tools,
}

/// An attempt that has ended.
pub(super) struct Ended {
    pub(super) chat: ChatId,
    pub(super) begun: Begun,
}

/// How the charging of an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It was charged, made and recorded, or it was not this loop's to make.
    Clear,
    /// The store failed: the row may be in `sending` although nothing was sent.
    InDoubt,
    /// The account is somebody else's since this hold.
    LeaseLost(Epoch),
}

impl Attempt {
    pub(super) async fn make(self, id: OutboxId, chat: ChatId) -> Ended {
        let now = self.tools.clock.now();
        let begun = match self.tools.store.begin_delivery(&self.hold, id, now).await {
            Ok(Some(delivery)) => {
                self.send_and_record(&delivery).await;
                Begun::Clear
            }
            // Somebody else took it, or its chat moved to another account.
            Ok(None) => Begun::Clear,
            Err(store::Error::LeaseLost(_)) => Begun::LeaseLost(self.hold.epoch),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, delivery.id = %id, "an attempt to send could not be charged");
                Begun::InDoubt
            }
        };
        Ended { chat, begun }
    }

    async fn send_and_record(&self, delivery: &Delivery) {
        service::crash_point!("delivery.before-send");
        // The charge may have taken long. Sent now, it could overtake or repeat what the next holder sends.
        let after = if self.lease.is_trusted_under(&self.hold, &*self.tools.clock) {
            let outcome = self.channel.send(delivery).await;
            service::crash_point!("delivery.after-send");
            decide_after_send(
                outcome,
                delivery.attempts,
                self.channel.resend(),
                self.tools.clock.now(),
            )
        } else {
            AfterSend::Retry {
                reason: "the lease of the account ran out before it was sent".to_owned(),
                not_before: delivery.created_at,
            }
        };
        let now = self.tools.clock.now();
        // Until the outcome is recorded nothing else of this chat may leave, so this waits as long as it takes.
        while let Err(error) = record(&self.tools, delivery, after.clone(), now).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                delivery.id = %delivery.id,
                "the outcome of an attempt to send could not be recorded yet"
            );
            tokio::time::sleep(RECORD_RETRY).await;
        }
    }
}

/// Records what follows from an attempt and tells about it.
///
/// # Errors
/// When the store cannot answer. A row that is gone or was charged again since is no error: there is nothing to record.
pub(super) async fn record(tools: &Tools, delivery: &Delivery, after: AfterSend, now: Timestamp) -> store::Result<()> {
    match tools
        .store
        .finish_delivery(delivery.id, delivery.attempts, &after, now)
        .await
    {
        Ok(()) => {}
        Err(error @ store::Error::Unavailable(_)) => return Err(error),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(delivery.id = %delivery.id, error, "the outcome of an attempt to send is out of date");
            return Ok(());
        }
    }
    tell(tools, delivery, &after, now);
    Ok(())
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
        AfterSend::Retry { reason, not_before } => {
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
