//! What was taken here and may lie in the log still: an inbox that shows nothing to do says nothing about it.
//!
//! Known to this process only. Who asks for it, the owner at a local chat, asks the gateway that took the message.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::ids::{ChatId, GroupId};
use proto::ingest::partition_of;
use store::Store;

/// Chats remembered: more than take something in during the moment that indexing takes. Beyond it the others are forgotten, and a
/// local chat among them may end too early.
const CHATS_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Unindexed {
    newest: Mutex<HashMap<ChatId, Position>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    partition: u32,
    sequence: u64,
}

impl Unindexed {
    pub(super) fn note(&self, chat: ChatId, group: &GroupId, sequence: u64) {
        let partition = partition_of(group);
        let mut newest = self.newest();
        if newest.len() >= CHATS_MAX && !newest.contains_key(&chat) {
            newest.clear();
        }
        newest.insert(chat, Position { partition, sequence });
    }

    pub(super) async fn has(&self, chat: &ChatId, store: &dyn Store) -> store::Result<bool> {
        let Some(position) = self.newest().get(chat).copied() else {
            return Ok(false);
        };
        let cursors = store.partition_cursors().await?;
        let indexed = cursors
            .iter()
            .any(|cursor| cursor.partition == position.partition && cursor.through >= position.sequence);
        let mut newest = self.newest();
        if indexed && newest.get(chat) == Some(&position) {
            newest.remove(chat);
        }
        Ok(!indexed)
    }

    fn newest(&self) -> MutexGuard<'_, HashMap<ChatId, Position>> {
        // Nothing panics while holding it.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
