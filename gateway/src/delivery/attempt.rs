//! One attempt to send: charged, made, recorded.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::{ChatId, OutboxId};
use proto::outbound::{AfterSend, Delivery, decide_after_send};
use proto::time::Timestamp;

use super::Tools;
use crate::channel::Channel;
use crate::metrics::DeliveryOutcome;

/// Wait between tries to record an outcome: the platform has answered, only the store has not.
const RECORD_RETRY: Duration = Duration::from_millis(250);

pub(super) struct Attempt {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) tools: Tools,
}

/// An attempt that has ended.
pub(super) struct Ended {
    pub(super) chat: ChatId,
    /// The store failed while charging it: the row may be in `sending` although nothing was sent.
    pub(super) begin_in_doubt: bool,
}

impl Attempt {
    pub(super) async fn make(self, id: OutboxId, chat: ChatId) -> Ended {
        let begun = self
            .tools
            .store
            .begin_delivery(
                &proto::lease::holding::Hold {
                    name: proto::lease::holding::LeaseName::Scheduler,
                    holder: String::new(),
                    epoch: proto::ids::Epoch(0),
                },
                id,
                self.tools.clock.now(),
            )
            .await;
        let begin_in_doubt = begun.is_err();
        match begun {
            Ok(Some(delivery)) => self.send_and_record(&delivery).await,
            // Somebody else took it.
            Ok(None) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                delivery.id = %id,
                "an attempt to send could not be charged"
            ),
        }
        Ended { chat, begin_in_doubt }
    }

    async fn send_and_record(&self, delivery: &Delivery) {
        service::crash_point!("delivery.before-send");
        let outcome = self.channel.send(delivery).await;
        service::crash_point!("delivery.after-send");
        let now = self.tools.clock.now();
        let after = decide_after_send(outcome, delivery.attempts, self.channel.resend(), now);
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
