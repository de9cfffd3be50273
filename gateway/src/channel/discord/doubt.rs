//! Parts that may have arrived, and since when: whether the nonce still protects them.

use std::time::Duration;

use proto::outbound::Delivery;
use proto::time::{Monotonic, Timestamp};
use quick_cache::sync::Cache;

/// How long we rely on a nonce. Discord keeps them "a few minutes".
pub(super) const NONCE_TRUST: Duration = Duration::from_secs(120);
/// Doubts kept; with more at a time the histories are asked, as after a restart.
const DOUBTS_MAX: usize = 10_000;

/// When the first attempt began that may have left a message, by nonce.
pub(super) struct Doubts(Cache<String, Monotonic>);

/// What is to be done before a part is sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Nothing: it never left, or its nonce makes a second one impossible.
    Certain,
    /// Look whether it is there: the nonce may be forgotten.
    Expired,
}

impl Doubts {
    pub(super) fn new() -> Self {
        Self(Cache::new(DOUBTS_MAX))
    }

    pub(super) fn begin(&self, nonce: &str, attempt_began: Monotonic) {
        if self.0.get(nonce).is_none() {
            self.0.insert(nonce.to_owned(), attempt_began);
        }
    }

    pub(super) fn end(&self, nonce: &str) {
        self.0.remove(nonce);
    }

    pub(super) fn protection(&self, nonce: &str, delivery: &Delivery, now: (Timestamp, Monotonic)) -> Protection {
        decide(self.0.get(nonce), delivery, now)
    }
}

/// An attempt of an earlier process leaves no doubt here. It cannot be older than the delivery, and only a delivery with
/// failures had one.
fn decide(since: Option<Monotonic>, delivery: &Delivery, (now, monotonic): (Timestamp, Monotonic)) -> Protection {
    let age = match since {
        Some(since) => monotonic.since(since),
        None if delivery.failures == 0 => return Protection::Certain,
        None => now.since(delivery.created_at),
    };
    if age < NONCE_TRUST {
        Protection::Certain
    } else {
        Protection::Expired
    }
}
