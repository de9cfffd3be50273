//! Which account speaks in a chat, for hints to whoever sends for it. Asked of the store now and then, not for every reply.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::ids::ChatId;
use proto::time::Monotonic;
use store::Store;

/// How long an answer counts. A chat whose account changed meanwhile (a local chat that was opened at another gateway) has its
/// replies found by that account's sweep, not by a hint.
const COUNTS_FOR: Duration = Duration::from_secs(5);
/// Chats remembered: more than speak within that time.
const CHATS_MAX: usize = 4_096;

/// A channel and an account of it.
pub(crate) type Account = (String, String);

#[derive(Default)]
pub(crate) struct Accounts {
    known: Mutex<HashMap<ChatId, (Monotonic, Account)>>,
}

impl Accounts {
    /// The account of a chat. `None`: not known, or the store cannot say now; the sweep of delivery finds the row.
    pub(crate) async fn of(&self, chat: &ChatId, store: &dyn Store, now: Monotonic) -> Option<Account> {
        let known = self.known().get(chat).cloned();
        if let Some((_, account)) = known.filter(|(asked, _)| now.since(*asked) < COUNTS_FOR) {
            return Some(account);
        }
        let found = store.chat(chat).await.ok()??;
        let account = (found.channel, found.account);
        let mut known = self.known();
        if known.len() >= CHATS_MAX {
            known.clear();
        }
        known.insert(chat.clone(), (now, account.clone()));
        Some(account)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ChatId, (Monotonic, Account)>> {
        // Nothing panics while holding it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proto::group::ChatSeen;
    use proto::time::Timestamp;
    use store::memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_chat_that_moved_to_another_account_is_noticed_after_a_while() {
        let (store, accounts) = (MemoryStore::new(), Accounts::default());
        let see = async |account: &str| {
            let seen = ChatSeen {
                id: ChatId::new("cli:main"),
                channel: "cli".to_owned(),
                account: account.to_owned(),
                name: None,
                parent: None,
                is_group_chat: None,
                seen_at: Timestamp::default(),
            };
            store.see_chat(&seen).await.unwrap().id
        };
        let chat = see("a").await;
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        let account = async |now| accounts.of(&chat, &store, now).await.map(|(_, account)| account);
        assert_eq!(account(at(0)).await.as_deref(), Some("a"));
        see("b").await;
        assert_eq!(account(at(4)).await.as_deref(), Some("a"));
        assert_eq!(account(at(6)).await.as_deref(), Some("b"));
        let nobody = accounts.of(&ChatId::new("cli:unknown"), &store, at(0)).await;
        assert_eq!(nobody, None);
    }
}
