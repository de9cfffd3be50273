//! What events say about chats, written behind the messages: bounded, and only what is worth a write.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::group::{Chat, ChatSeen};
use proto::ids::ChatId;
use tokio::sync::Notify;

use super::{Directory, METADATA_EVERY};

/// Chats that may wait for their write: a burst of a whole installation. Beyond that, the next event says it again.
const WAITING_MAX: usize = 4_096;
/// Writes under way at once: they share the store with turns.
const WRITERS: usize = 4;
/// Wait after a write that failed: the store is away.
const RETRY: Duration = Duration::from_secs(1);

/// What waits to be written.
#[derive(Default)]
pub(super) struct Metadata {
    waiting: Mutex<Waiting>,
    grown: Notify,
}

#[derive(Default)]
struct Waiting {
    order: VecDeque<ChatId>,
    newest: HashMap<ChatId, ChatSeen>,
}

impl Metadata {
    fn put(&self, seen: &ChatSeen) {
        let mut waiting = self.lock();
        if let Some(before) = waiting.newest.get_mut(&seen.id) {
            *before = merged(before, seen);
            return;
        }
        if waiting.newest.len() < WAITING_MAX {
            waiting.newest.insert(seen.id.clone(), seen.clone());
            waiting.order.push_back(seen.id.clone());
            drop(waiting);
            self.grown.notify_one();
        }
    }

    fn take(&self) -> Option<ChatSeen> {
        let mut waiting = self.lock();
        let id = waiting.order.pop_front()?;
        waiting.newest.remove(&id)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every critical section leaves both parts in step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// Takes note of what an event says about a chat that is known.
    pub(super) fn note(&self, seen: &ChatSeen, chat: &Chat) {
        if is_worth_writing(seen, chat) {
            self.metadata.put(seen);
        }
    }

    /// Writes one thing that waits; returns whether there was one.
    pub(super) async fn write_one(&self) -> bool {
        let Some(seen) = self.metadata.take() else {
            return false;
        };
        // An event that came while its chat was being written said nothing new.
        let known = self.chats.get(&seen.id);
        if known.is_some_and(|entry| !is_worth_writing(&seen, &entry.value)) {
            return true;
        }
        if let Err(error) = self.see(&seen).await {
            // The next event of this chat says the same again.
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                chat.id = %seen.id,
                "chat metadata could not be written"
            );
            tokio::time::sleep(RETRY).await;
        }
        true
    }

    /// Writes what waits until dropped.
    pub async fn write_behind(&self) {
        let writer = || async {
            loop {
                if !self.write_one().await {
                    self.metadata.grown.notified().await;
                }
            }
        };
        futures::future::join_all((0..WRITERS).map(|_| writer())).await;
    }
}

/// What both say together; the later one wins.
fn merged(before: &ChatSeen, later: &ChatSeen) -> ChatSeen {
    ChatSeen {
        name: later.name.clone().or_else(|| before.name.clone()),
        is_group_chat: later.is_group_chat.or(before.is_group_chat),
        parent: later.parent.clone().or_else(|| before.parent.clone()),
        ..later.clone()
    }
}

fn is_worth_writing(seen: &ChatSeen, chat: &Chat) -> bool {
    let says_new = seen.channel != chat.channel
        || seen.account != chat.account
        || (seen.name.is_some() && seen.name != chat.name)
        || seen.is_group_chat.is_some_and(|is| is != chat.is_group_chat)
        || (seen.parent.is_some() && seen.parent != chat.parent);
    says_new || seen.seen_at.since(chat.last_seen_at) >= METADATA_EVERY
}
