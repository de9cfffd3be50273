//! Looks chats and groups up: in memory while that is fresh enough, else in the store, else in memory all the same.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::group::{Chat, ChatSeen, Group};
use proto::ids::{ChatId, GroupId};
use proto::time::{Clock, Monotonic};
use store::{Error, Result, Store};

use super::known::{Entry, Known};
use super::metadata::Metadata;
use super::{FRESH, FRESH_UNREGISTERED, STALE_MAX};

/// Longest time a message waits for a read before what is known is believed on: a store that takes longer is away.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// Time between two attempts to reach a store that is away: meanwhile nothing waits for it.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Chats and groups, as far as this gateway knows them.
pub struct Directory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pub(super) chats: Known<ChatId, Chat>,
    groups: Known<GroupId, Group>,
    pub(super) metadata: Metadata,
    /// Until when the store is taken to be away.
    away_until: Mutex<Option<Monotonic>>,
}

/// The store is away, and what was asked for is not known.
#[derive(Debug, thiserror::Error)]
#[error("the database is away, and this is not known without it")]
struct Away;

impl Directory {
    /// A directory that knows nothing yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            chats: Known::new(),
            groups: Known::new(),
            metadata: Metadata::default(),
            away_until: Mutex::new(None),
        }
    }

    /// The chat an event comes from, which is known from now on. What the event says about it is noted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away and the chat is not known.
    pub async fn chat(&self, seen: &ChatSeen) -> Result<Arc<Chat>> {
        let fresh = |chat: &Chat| chat.group.as_ref().map_or(FRESH_UNREGISTERED, |_| FRESH);
        let read = || self.store.chat(&seen.id);
        let found = self.get(&self.chats, &seen.id, fresh, read).await?;
        let Some(chat) = found else {
            return self.see(seen).await;
        };
        self.note(seen, &chat);
        Ok(chat)
    }

    /// A chat of which no event is at hand.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away and the chat is not known.
    pub async fn known_chat(&self, id: &ChatId) -> Result<Option<Arc<Chat>>> {
        let fresh = |chat: &Chat| chat.group.as_ref().map_or(FRESH_UNREGISTERED, |_| FRESH);
        self.get(&self.chats, id, fresh, || self.store.chat(id)).await
    }

    /// A registered group.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away and the group is not known.
    pub async fn group(&self, id: &GroupId) -> Result<Option<Arc<Group>>> {
        self.get(&self.groups, id, |_| FRESH, || self.store.group(id)).await
    }

    /// Tells the store at once what an event says about a chat.
    ///
    /// # Errors
    /// Those of [`Store::see_chat`].
    pub async fn see(&self, seen: &ChatSeen) -> Result<Arc<Chat>> {
        let (mark, now) = (self.chats.mark(), self.clock.monotonic());
        let chat = Arc::new(self.store.see_chat(seen).await?);
        self.chats.keep(mark, &seen.id, Arc::clone(&chat), now);
        Ok(chat)
    }

    /// Registers a chat to a group.
    ///
    /// # Errors
    /// Those of [`Store::register_chat`].
    pub async fn register(&self, chat: &ChatId, group: &GroupId) -> Result<()> {
        let registered = self.store.register_chat(chat, Some(group)).await;
        self.forget_chat(chat);
        registered
    }

    /// Forgets a chat that was changed; call this after the change.
    pub fn forget_chat(&self, id: &ChatId) {
        self.chats.forget(id);
    }

    /// Forgets a group that was changed, and its chats; call this after the change.
    pub fn forget_group(&self, id: &GroupId) {
        self.groups.forget(id);
        // A chat without a group may have been given to this one.
        self.chats
            .forget_all(|chat| chat.group.as_ref().is_none_or(|group| group == id));
    }

    async fn get<K: Hash + Eq + Clone, V, R: Future<Output = Result<Option<V>>>>(
        &self,
        known: &Known<K, V>,
        key: &K,
        fresh: impl Fn(&V) -> Duration,
        read: impl FnOnce() -> R,
    ) -> Result<Option<Arc<V>>> {
        let now = self.clock.monotonic();
        let entry = known.get(key).filter(|entry| now.since(entry.read_at) < STALE_MAX);
        let known_value = |entry: &Arc<Entry<V>>| Some(Arc::clone(&entry.value));
        let _reading = match &entry {
            Some(entry) if now.since(entry.read_at) < fresh(&entry.value) => return Ok(known_value(entry)),
            Some(entry) => match entry.begin_reading() {
                Some(reading) => Some(reading),
                // One read is enough for all.
                None => return Ok(known_value(entry)),
            },
            None => None,
        };
        if !self.may_ask(now) {
            let away = || Error::Unavailable(Box::new(Away));
            return entry.as_ref().map(known_value).ok_or_else(away);
        }
        let mark = known.mark();
        match self.ask(read()).await {
            Ok(Some(value)) => {
                let value = Arc::new(value);
                known.keep(mark, key, Arc::clone(&value), now);
                Ok(Some(value))
            }
            Ok(None) => {
                known.forget(key);
                Ok(None)
            }
            Err(error @ Error::Unavailable(_)) => entry.as_ref().map(known_value).ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// Asks the store, and notes whether it is away.
    async fn ask<T>(&self, read: impl Future<Output = Result<T>>) -> Result<T> {
        let answer = tokio::time::timeout(READ_TIMEOUT, read)
            .await
            .unwrap_or_else(|elapsed| Err(Error::Unavailable(Box::new(elapsed))));
        let failed = matches!(answer, Err(Error::Unavailable(_)));
        let until = failed.then(|| self.clock.monotonic() + PROBE_EVERY);
        let before = std::mem::replace(&mut *self.away(), until);
        match (&answer, before) {
            (Err(error), None) if failed => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the store is away; known chats are taken in, unknown ones are not"
                );
            }
            (Ok(_), Some(_)) => tracing::info!("the store is back"),
            _ => {}
        }
        answer
    }

    /// Whether a read may go to the store now. While the store is away one read at a time finds out when it is back.
    fn may_ask(&self, now: Monotonic) -> bool {
        let mut away = self.away();
        match *away {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                *away = Some(now + PROBE_EVERY);
                true
            }
        }
    }

    fn away(&self) -> std::sync::MutexGuard<'_, Option<Monotonic>> {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
