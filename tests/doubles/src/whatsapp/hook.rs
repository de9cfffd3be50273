//! The webhook: subscribed once, then told everything, in order, until it has said 200.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha2::Sha256;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::account::{APP_SECRET, VERIFY_TOKEN};
use super::notification::{self, Change};
use crate::platform::push;

/// What the webhook must answer with.
const CHALLENGE: &str = "1158201444";
/// First wait before a notification is repeated; doubled each time. Meta takes minutes to days.
const RETRY_WAIT: Duration = Duration::from_millis(10);
/// Longest wait before a notification is repeated.
const RETRY_WAIT_MAX: Duration = Duration::from_millis(500);

/// What is to be told, and how.
#[derive(Default)]
pub(super) struct Hook {
    plan: Mutex<Plan>,
    changed: Notify,
}

struct Plan {
    queue: VecDeque<Change>,
    /// Changes on their way to the webhook.
    leaving: Vec<Change>,
    held: bool,
    per_notification: usize,
    times: usize,
    /// Notifications that were answered with 200.
    taken: u64,
    /// Notifications that were not.
    refused: u64,
    pumping: Option<JoinHandle<()>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            leaving: Vec::new(),
            held: false,
            per_notification: 1,
            times: 1,
            taken: 0,
            refused: 0,
            pumping: None,
        }
    }
}

impl Hook {
    /// Asks the webhook at this URL for its token, and tells it everything from now on.
    pub(super) async fn subscribe(self: &Arc<Self>, url: &str) -> io::Result<()> {
        let query = format!("hub.mode=subscribe&hub.challenge={CHALLENGE}&hub.verify_token={VERIFY_TOKEN}");
        let answered = push(Method::GET, &format!("{url}?{query}"), HeaderMap::new(), "").await?;
        if answered.status != StatusCode::OK || answered.body != CHALLENGE {
            let said = format!(
                "the callback URL could not be validated: it answered {}",
                answered.status
            );
            return Err(io::Error::other(said));
        }
        let earlier = self.plan().pumping.take();
        if let Some(earlier) = earlier {
            earlier.abort();
            // Ended by then, so that what it was telling can be told to the new one.
            let _ = earlier.await;
            self.put_back();
        }
        let pump = pump(Arc::downgrade(self), url.to_owned());
        #[expect(
            clippy::disallowed_methods,
            reason = "a double knows no lifecycle; the hook owns its one task and aborts it"
        )]
        let pumping = tokio::spawn(pump);
        self.plan().pumping = Some(pumping);
        Ok(())
    }

    pub(super) fn queue(&self, change: Change) {
        self.plan().queue.push_back(change);
        self.changed.notify_one();
    }

    /// From now on nothing is told.
    pub(super) fn hold(&self) {
        self.plan().held = true;
    }

    /// Tells what was held, in the order that `arrange` makes, this many changes in one notification, each so many times.
    pub(super) fn release(&self, per_notification: usize, times: usize, arrange: impl FnOnce(&mut Vec<Change>)) {
        let mut plan = self.plan();
        let mut queue = plan.queue.drain(..).collect();
        arrange(&mut queue);
        plan.queue = queue.into();
        (plan.held, plan.per_notification, plan.times) = (false, per_notification.max(1), times.max(1));
        drop(plan);
        self.changed.notify_one();
    }

    /// How many changes were not told yet.
    pub(super) fn waiting(&self) -> usize {
        let plan = self.plan();
        plan.queue.len() + plan.leaving.len()
    }

    /// How many notifications were answered with 200.
    pub(super) fn taken(&self) -> u64 {
        self.plan().taken
    }

    /// How many were not.
    pub(super) fn refused(&self) -> u64 {
        self.plan().refused
    }

    /// The next notification, and how often to send it.
    fn next(&self) -> Option<(Vec<Change>, usize)> {
        let mut plan = self.plan();
        if plan.held || plan.queue.is_empty() {
            return None;
        }
        let count = plan.queue.len().min(plan.per_notification);
        plan.leaving = plan.queue.drain(..count).collect();
        Some((plan.leaving.clone(), plan.times))
    }

    /// Ends what [`Hook::next`] began: what was not taken is the next again.
    fn told(&self, taken: bool) {
        if taken {
            let mut plan = self.plan();
            plan.leaving.clear();
            plan.taken += 1;
        } else {
            self.plan().refused += 1;
            self.put_back();
        }
    }

    fn put_back(&self) {
        let mut plan = self.plan();
        let leaving = std::mem::take(&mut plan.leaving);
        for change in leaving.into_iter().rev() {
            plan.queue.push_front(change);
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(pumping) = self.plan().pumping.take() {
            pumping.abort();
        }
    }
}

async fn pump(hook: Weak<Hook>, url: String) {
    let mut wait = RETRY_WAIT;
    while let Some(hook) = hook.upgrade() {
        let Some((changes, times)) = hook.next() else {
            // Bounded, so that a hook that nobody else holds any more ends.
            let _ = tokio::time::timeout(RETRY_WAIT_MAX, hook.changed.notified()).await;
            continue;
        };
        let body = notification::body(&changes);
        let mut all_taken = true;
        for _ in 0..times {
            all_taken &= tell(&url, &body).await;
        }
        hook.told(all_taken);
        if all_taken {
            wait = RETRY_WAIT;
        } else {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_WAIT_MAX);
        }
    }
}

/// Sends one notification; whether it was taken.
async fn tell(url: &str, body: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Ok(signature) = HeaderValue::from_str(&signature(body)) {
        headers.insert("x-hub-signature-256", signature);
    }
    let answered = push(Method::POST, url, headers, body.to_owned()).await;
    answered.is_ok_and(|answered| answered.status == StatusCode::OK)
}

/// What a notification with this body is signed with.
pub(super) fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()).expect("any length of key is taken");
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
