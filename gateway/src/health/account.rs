//! One account's standing, shared by its feed, its deliveries and whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::time::{Clock, Monotonic};
use service::readiness::Condition;
use std::sync::Arc;

use super::{AccountReport, Receiving, Standing, Tell};
use crate::metrics::Metrics;

/// How one account is.
pub struct Health {
    channel: String,
    account: String,
    clock: Arc<dyn Clock>,
    part: Condition,
    metrics: Metrics,
    inner: Mutex<Inner>,
}

struct Inner {
    standing: Standing,
    alive_at: Monotonic,
    in_trouble: bool,
}

impl Health {
    /// An account nobody has begun to serve; `part` is its place in `/readyz`.
    pub fn new(channel: &str, account: &str, clock: Arc<dyn Clock>, part: Condition, metrics: Metrics) -> Self {
        let inner = Inner {
            standing: Standing::new(),
            alive_at: clock.monotonic(),
            in_trouble: false,
        };
        Self {
            channel: channel.to_owned(),
            account: account.to_owned(),
            clock,
            part,
            metrics,
            inner: Mutex::new(inner),
        }
    }

    /// Takes note of how the feed is now.
    pub fn receiving(&self, receiving: Receiving) {
        let now = self.clock.monotonic();
        self.change(|inner| {
            inner.alive_at = now;
            inner.standing.set_receiving(receiving, now);
        });
    }

    /// Takes note of why nothing can be sent, or that something can.
    pub fn sending(&self, trouble: Option<String>) {
        let now = self.clock.monotonic();
        self.change(|inner| inner.standing.set_sending(trouble, now));
    }

    /// Takes note of a sign of life of the feed.
    pub fn alive(&self) {
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        inner.alive_at = now;
        inner.standing.set_alive(now);
    }

    /// How long the feed has shown no sign of life.
    pub fn silent_for(&self) -> Duration {
        self.clock.monotonic().since(self.lock().alive_at)
    }

    /// What is to be told about the account now, once per incident.
    pub fn due(&self) -> Option<Tell> {
        self.lock().standing.due(self.clock.monotonic())
    }

    /// What can be said of it now.
    pub fn report(&self) -> AccountReport {
        let inner = self.lock();
        AccountReport {
            channel: self.channel.clone(),
            account: self.account.clone(),
            receiving: inner.standing.receiving().clone(),
            trouble: inner.standing.trouble(),
            silent_for_s: self.clock.monotonic().since(inner.alive_at).as_secs(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        let trouble = inner.standing.trouble();
        let is_in_trouble = trouble.is_some();
        match &trouble {
            None => self.part.ok(),
            Some(reason) => self.part.degraded(reason.clone()),
        }
        if std::mem::replace(&mut inner.in_trouble, is_in_trouble) != is_in_trouble {
            self.metrics.count_trouble(&self.channel, is_in_trouble);
            let (channel, account) = (&self.channel, &self.account);
            match trouble {
                Some(reason) => {
                    tracing::warn!(
                        channel.name = channel,
                        account.name = account,
                        reason,
                        "an account is in trouble"
                    );
                }
                None => tracing::info!(
                    channel.name = channel,
                    account.name = account,
                    "an account is well again"
                ),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
