//! The loop of one account's feed.

use std::sync::Arc;
use std::time::Duration;

use proto::lease::holding::Hold;
use proto::time::{Clock, Monotonic};
use service::random::Random;
use store::Store;
use tokio_util::sync::CancellationToken;

use super::SILENCE_MAX;
use super::decide::{Ended, after_end};
use crate::channel::{Channel, Feed, Inbound};
use crate::delivery::Lease;
use crate::health::{Health, Receiving};
use crate::metrics::Metrics;

/// How often the lease and the signs of life are looked at: well below what is left of a lease when it is not trusted any
/// more.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a feed must have shown signs of life for its end not to count as one more failure in a row.
const STAYED_ALIVE: Duration = Duration::from_secs(30);

/// What receives for one account.
pub(crate) struct Receiver {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) inbound: Inbound,
    pub(crate) lease: Lease,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Random,
    pub(crate) metrics: Metrics,
}

/// Keeps the feed open until told to stop.
pub(crate) async fn run(mut receiver: Receiver, stop: CancellationToken) {
    let mut failures = 0;
    while !stop.is_cancelled() {
        let Some(hold) = receiver.lease.hold(&*receiver.clock) else {
            receiver.health.receiving(Receiving::Standby);
            failures = 0;
            tokio::select! {
                () = stop.cancelled() => {}
                () = receiver.lease.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            continue;
        };
        let opened_at = receiver.clock.monotonic();
        let ended = tokio::select! {
            () = stop.cancelled() => break,
            ended = receiver.receive(&hold) => ended,
        };
        // Lost: the next look finds out.
        let Some(ended) = ended else { continue };
        let wait = receiver.note_end(&ended, opened_at, &mut failures);
        tokio::select! {
            () = stop.cancelled() => {}
            () = receiver.lost(&hold) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    receiver.health.receiving(Receiving::Stopped);
}

impl Receiver {
    /// Reads the feed until it ends; none when the account was lost.
    async fn receive(&self, hold: &Hold) -> Option<Ended> {
        if !self.channel.receives() {
            self.health.receiving(Receiving::Live);
            self.lost(hold).await;
            return None;
        }
        self.health.receiving(Receiving::Connecting);
        let feed = Feed::new(
            self.inbound.clone(),
            hold.clone(),
            Arc::clone(&self.store),
            Arc::clone(&self.health),
            self.random,
        );
        tokio::select! {
            result = self.channel.receive(&feed) => Some(result.map_or_else(Ended::Broke, |()| Ended::Asked)),
            () = self.silent() => Some(Ended::Silent),
            () = self.lost(hold) => None,
        }
    }

    async fn lost(&self, hold: &Hold) {
        while self.lease.is_trusted_under(hold, &*self.clock) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn silent(&self) {
        while self.health.silent_for() < SILENCE_MAX {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Takes note of an end, and counts how many there were in a row; how long the feed stays closed.
    pub(super) fn note_end(&self, ended: &Ended, opened_at: Monotonic, failures: &mut u32) -> Duration {
        let channel = self.channel.name();
        if *ended != Ended::Asked {
            self.metrics.count_feed_break(channel);
            tracing::warn!(
                channel.name = channel,
                account.name = self.channel.account(),
                ?ended,
                "a feed ended"
            );
        }
        let open_for = self.clock.monotonic().since(opened_at);
        if open_for.saturating_sub(self.health.silent_for()) >= STAYED_ALIVE {
            *failures = 0;
        }
        let (receiving, wait) = after_end(ended, *failures, (self.random)());
        *failures = failures.saturating_add(1);
        self.health.receiving(receiving);
        wait
    }
}
