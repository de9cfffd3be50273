//! "Is typing", as the status of a thread (SL-12 had none): Slack shows it in threads only.

use std::time::Duration;

use proto::ids::ChatId;
use proto::time::Monotonic;
use quick_cache::sync::Cache;
use serde_json::{Value, json};

use super::Slack;
use super::api::CallError;
use super::place::Place;

/// What is shown.
const STATUS: &str = "is thinking…";
/// A status ends by itself after two minutes: it is said again well before that, and not every few seconds.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// How long a thread that takes no status is left alone.
const LEAVE_ALONE: Duration = Duration::from_secs(600);
/// Threads remembered.
const THREADS_MAX: usize = 1_000;

/// Until when nothing need be said in a thread.
pub(super) struct Statuses(Cache<ChatId, Monotonic>);

impl Statuses {
    pub(super) fn new() -> Self {
        Self(Cache::new(THREADS_MAX))
    }
}

impl Slack {
    pub(super) async fn show_status(&self, chat: &ChatId, on: bool) {
        let Some((place, thread)) = Place::parse(chat).and_then(|place| Some((place.channel, place.thread?))) else {
            return;
        };
        let now = self.clock.monotonic();
        let quiet_until = self.statuses.0.get(chat);
        let is_shown = quiet_until.is_some_and(|until| now < until);
        if on && is_shown || !on && quiet_until.is_none() {
            return;
        }
        let status = if on { STATUS } else { "" };
        let body = json!({ "channel_id": place, "thread_ts": thread, "status": status });
        match self.api.act::<Value>("assistant.threads.setStatus", &body).await {
            Err(CallError::Said(_)) => self.statuses.0.insert(chat.clone(), now + LEAVE_ALONE),
            _ if on => self.statuses.0.insert(chat.clone(), now + SAY_AGAIN),
            _ => {
                self.statuses.0.remove(chat);
            }
        }
    }
}
