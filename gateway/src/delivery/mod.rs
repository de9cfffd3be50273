//! The way out: outbox rows of one account leave through its channel, in order per chat, chats side by side.
//!
//! An attempt is charged before anything leaves and its outcome recorded afterwards, so a crash at any moment leaves a
//! row in `sending`, and the channel's stated policy decides about it. This loop decides nothing about texts or
//! retries: that is [`proto::outbound`].

mod attempt;
mod decide;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bus::{Hints, Interest};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use proto::ids::ChatId;
use proto::time::{Clock, Monotonic, Timestamp};
use service::random::Random;
use service::readiness::Condition;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::metrics::Metrics;
use attempt::{Attempt, Ended};

/// Sends of one account under way at once: enough that a few slow chats do not hold up the others, few enough that a
/// platform does not take it for an attack.
const PARALLEL_MAX: usize = 16;
/// Heads of queues looked at in one pass. Rows of chats that nobody has open are among them and stay there, so this
/// must exceed the number of such chats.
const PASS_MAX: u32 = 1_000;
/// Longest time between two passes: the sweep that repairs a missed hint, and the grain of retry times.
const SWEEP: Duration = Duration::from_secs(1);
/// Time that the last sends get to begin and to end when the node stops; within the lifecycle's own grace.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What the loop works with.
#[derive(Clone)]
pub struct Tools {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// "Look now".
    pub hints: Arc<dyn Hints>,
    /// When to try.
    pub clock: Arc<dyn Clock>,
    /// Jitter of the sweep.
    pub random: Random,
    /// What became of it.
    pub metrics: Metrics,
}

/// The delivery loop of one account.
pub struct DeliveryLoop {
    channel: Arc<dyn Channel>,
    tools: Tools,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    busy_chats: HashSet<ChatId>,
    /// Chats whose next row the store would not charge, and until when they are left alone: a store that is read but takes
    /// no writes (its disk is full) offers the same rows again at once.
    resting_chats: HashMap<ChatId, Monotonic>,
    /// Rows may be in `sending` with nobody sending them: after a start, and after a begin in doubt.
    sending_in_doubt: bool,
}

impl DeliveryLoop {
    /// A loop that has not looked yet.
    pub fn new(channel: Arc<dyn Channel>, tools: Tools) -> Self {
        Self {
            channel,
            tools,
            under_way: FuturesUnordered::new(),
            busy_chats: HashSet::new(),
            resting_chats: HashMap::new(),
            sending_in_doubt: true,
        }
    }

    /// One pass: settles what an earlier process left in `sending`, then starts what is due, as far as there is room.
    ///
    /// # Errors
    /// When the store cannot answer; the next pass tries again.
    pub async fn tick(&mut self, now: Timestamp) -> store::Result<()> {
        if self.sending_in_doubt {
            self.settle_interrupted(now).await?;
            self.sending_in_doubt = false;
        }
        let monotonic = self.tools.clock.monotonic();
        self.resting_chats.retain(|_, until| *until > monotonic);
        let (name, account) = (self.channel.name(), self.channel.account());
        for delivery in self.tools.store.due_deliveries(name, account, now, PASS_MAX).await? {
            if self.under_way.len() >= PARALLEL_MAX {
                break;
            }
            // The outcome of an attempt under way is not recorded yet: nothing of this chat may overtake it.
            let waits = self.busy_chats.contains(&delivery.chat) || self.resting_chats.contains_key(&delivery.chat);
            if waits || !self.channel.reachable(&delivery.chat) {
                continue;
            }
            self.busy_chats.insert(delivery.chat.clone());
            let attempt = Attempt {
                channel: Arc::clone(&self.channel),
                tools: self.tools.clone(),
            };
            self.under_way.push(Box::pin(attempt.make(delivery.id, delivery.chat)));
        }
        Ok(())
    }

    /// Waits until nothing is under way.
    pub async fn settle(&mut self) {
        while let Some(ended) = self.under_way.next().await {
            self.note_end(ended);
        }
    }

    /// Ticks on every hint, after every end of a send, and at the latest every sweep, until told to stop.
    pub async fn run(mut self, ready: Condition, stop: CancellationToken) {
        let mut hints = self.tools.hints.listen(Interest::Outbox {
            channel: self.channel.name().to_owned(),
            account: self.channel.account().to_owned(),
        });
        while !stop.is_cancelled() {
            match self.tick(self.tools.clock.now()).await {
                Ok(()) => ready.ok(),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the outbox cannot be read");
                    ready.degraded("the outbox cannot be read");
                }
            }
            let sweep = SWEEP.mul_f64(0.75 + (self.tools.random)() / 2.0);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(sweep) => {}
                _ = hints.next() => {}
                Some(ended) = self.under_way.next() => self.note_end(ended),
            }
        }
        if tokio::time::timeout(STOP_GRACE, self.finish()).await.is_err() {
            tracing::info!(
                channel.name = self.channel.name(),
                deliveries = self.under_way.len(),
                "stopped with deliveries under way; the next start decides about them"
            );
        }
    }

    /// Sends what was committed up to the stop, and waits until nothing is under way.
    async fn finish(&mut self) {
        while let Ok(()) = self.tick(self.tools.clock.now()).await {
            match self.under_way.next().await {
                Some(ended) => self.note_end(ended),
                None => return,
            }
        }
        self.settle().await;
    }

    async fn settle_interrupted(&mut self, now: Timestamp) -> store::Result<()> {
        let store = &self.tools.store;
        for delivery in store
            .interrupted_deliveries(self.channel.name(), self.channel.account())
            .await?
        {
            if self.busy_chats.contains(&delivery.chat) {
                continue;
            }
            let after = decide::after_interruption(delivery.attempts, self.channel.resend(), now);
            attempt::record(&self.tools, &delivery, after, now).await?;
        }
        Ok(())
    }

    fn note_end(&mut self, ended: Ended) {
        self.busy_chats.remove(&ended.chat);
        if ended.begin_in_doubt {
            self.sending_in_doubt = true;
            self.resting_chats
                .insert(ended.chat, self.tools.clock.monotonic() + SWEEP);
        }
    }
}

#[cfg(test)]
mod tests;
