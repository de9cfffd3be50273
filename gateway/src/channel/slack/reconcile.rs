//! Whether a message arrived whose answer was lost: the history of its channel knows.
//!
//! A message carries the identity of its part as metadata, which only apps see. A file carries none: it is known by its id
//! as long as this process remembers it, and by its name and size after that.

use std::time::Duration;

use proto::outbound::{Delivery, Extra, Part, Reconciled};
use proto::time::Monotonic;
use quick_cache::sync::Cache;
use serde_json::{Value, json};

use super::Slack;
use super::api::{CallError, Concerns, concerns};
use super::events::is_own;
use super::model::{Me, Message};
use super::place::{Place, message_id, ts};

/// Type of our metadata.
const EVENT_TYPE: &str = "clawhold_delivery";
/// How far Slack's clock may be behind ours: the history is read from that long before the delivery was written.
const SKEW: Duration = Duration::from_secs(60);
/// Messages of one page, and pages read: a channel in which more was said since then is not searched to its end.
const PAGE: &str = "200";
const PAGES_MAX: usize = 20;
/// How long a request whose connection broke may still be on its way through Slack: what is not there then will not come.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// Waits between searches that bring nothing: what is there is mostly there at once.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(2);
/// Wait when Slack does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(3);
/// Parts in doubt that are remembered; of more, the searches begin anew.
const DOUBTS_MAX: usize = 10_000;

/// When a part was looked for first, and how often.
#[derive(Clone, Copy)]
struct Searched {
    first: Monotonic,
    looks: u32,
}

/// What this process remembers of parts that may have arrived.
pub(super) struct Doubts {
    searched: Cache<String, Searched>,
    files: Cache<String, String>,
}

impl Doubts {
    pub(super) fn new() -> Self {
        Self {
            searched: Cache::new(DOUBTS_MAX),
            files: Cache::new(DOUBTS_MAX),
        }
    }

    /// Notes which file a part is about to share.
    pub(super) fn note_file(&self, delivery: &Delivery, part: &Part, file: &str) {
        self.files.insert(key(delivery, part), file.to_owned());
    }

    /// What it means that a part was not found at `now`.
    fn missing(&self, key: &str, now: Monotonic) -> Reconciled {
        let before = self.searched.get(key).unwrap_or(Searched { first: now, looks: 0 });
        if now.since(before.first) >= SETTLED_AFTER {
            return Reconciled::NotArrived;
        }
        let looks = before.looks + 1;
        self.searched.insert(key.to_owned(), Searched { looks, ..before });
        let wait = LOOK_AGAIN.saturating_mul(1 << (2 * before.looks).min(16));
        Reconciled::AskLater(wait.min(LOOK_AGAIN_MAX))
    }

    fn forget(&self, key: &str) {
        self.searched.remove(key);
        self.files.remove(key);
    }
}

fn key(delivery: &Delivery, part: &Part) -> String {
    format!("{}/{}", delivery.id, part.from)
}

/// The metadata of a part.
pub(super) fn identity(delivery: &Delivery, part: &Part) -> Value {
    let payload = json!({ "id": delivery.id.to_string(), "part": part.from });
    json!({ "event_type": EVENT_TYPE, "event_payload": payload })
}

/// What is looked for.
enum Sought<'a> {
    Metadata {
        id: String,
        part: u32,
    },
    File {
        id: Option<String>,
        name: &'a str,
        bytes: u64,
    },
}

impl Sought<'_> {
    fn is(&self, message: &Message, me: &Me) -> bool {
        match self {
            Self::Metadata { id, part } => message.metadata.as_ref().is_some_and(|metadata| {
                let payload = &metadata.event_payload;
                metadata.event_type == EVENT_TYPE
                    && payload.get("id").and_then(Value::as_str) == Some(id)
                    && payload.get("part").and_then(Value::as_u64) == Some(u64::from(*part))
            }),
            Self::File { id, name, bytes } => {
                is_own(message, me)
                    && message.files.iter().any(|file| match id {
                        Some(id) => file.id == *id,
                        None => file.name.as_deref() == Some(*name) && file.size == Some(*bytes),
                    })
            }
        }
    }
}

impl Slack {
    pub(super) async fn find(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        let key = key(delivery, part);
        let sought = match &delivery.extra {
            // Added twice it is there once.
            Some(Extra::Reaction { .. }) => return Reconciled::NotArrived,
            Some(Extra::File(file)) if part.from == 0 => Sought::File {
                id: self.doubts.files.get(&key),
                name: &file.name,
                bytes: file.bytes,
            },
            Some(Extra::File(_)) | None => Sought::Metadata {
                id: delivery.id.to_string(),
                part: part.from,
            },
        };
        let known = match self.search(delivery, &sought).await {
            Ok(Some(found)) => Reconciled::Arrived {
                platform_id: Some(found),
            },
            Ok(None) => self.doubts.missing(&key, self.clock.monotonic()),
            Err(unknown) => unknown,
        };
        if matches!(known, Reconciled::Arrived { .. } | Reconciled::NotArrived) {
            self.doubts.forget(&key);
        }
        known
    }

    /// The platform id of the message, if it is there.
    async fn search(&self, delivery: &Delivery, sought: &Sought<'_>) -> Result<Option<String>, Reconciled> {
        let place = Place::parse(&delivery.chat).ok_or(Reconciled::CannotTell)?;
        let place = self.opened(place).await.map_err(unknown)?;
        let me = self.me().await.map_err(unknown)?;
        // The clock of the store may be ahead of ours.
        let oldest = ts(delivery.created_at.min(self.clock.now()) - SKEW);
        let mut query = vec![
            ("channel", place.channel.as_str()),
            ("oldest", oldest.as_str()),
            ("limit", PAGE),
            ("include_all_metadata", "true"),
        ];
        let method = match &place.thread {
            Some(thread) => {
                query.push(("ts", thread.as_str()));
                "conversations.replies"
            }
            None => "conversations.history",
        };
        let mut found = None;
        let is_whole = self
            .api
            .pages(method, &query, PAGES_MAX, |page| {
                let hit = page.messages.iter().find(|message| sought.is(message, me));
                found = found
                    .take()
                    .or_else(|| hit.map(|message| message_id(&place.channel, &message.ts)));
            })
            .await
            .map_err(unknown)?;
        if found.is_none() && !is_whole {
            return Err(Reconciled::CannotTell);
        }
        Ok(found)
    }
}

fn unknown(error: CallError) -> Reconciled {
    match error {
        CallError::Busy(wait) => Reconciled::AskLater(wait.unwrap_or(ASK_AGAIN)),
        CallError::Said(word) if concerns(&word) == Concerns::Call => Reconciled::CannotTell,
        CallError::NotSent(_) | CallError::Lost(_) | CallError::Said(_) => Reconciled::AskLater(ASK_AGAIN),
    }
}
