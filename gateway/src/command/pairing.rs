//! Pairing: unknown chats ask with a code, the operator or main decides.

use std::sync::Arc;

use bus::{Hint, Hints};
use proto::command::{PairCode, Pairing};
use proto::group::Chat;
use proto::ids::{ChatId, GroupId, IdSource, OutboxId};
use proto::time::Clock;
use store::pairing::Asked;
use store::{Error, Store};

use super::group_for::group_for;
use crate::directory::Directory;

/// Who asks, and what is done about it.
#[derive(Clone)]
pub struct Pairings {
    pub(super) store: Arc<dyn Store>,
    pub(super) hints: Arc<dyn Hints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) directory: Arc<Directory>,
}

/// A chat that asks.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What it asks with.
    pub pairing: Pairing,
    /// Its name.
    pub name: Option<String>,
}

/// A chat that was paired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The chat.
    pub chat: ChatId,
    /// Its group.
    pub group: GroupId,
}

impl Pairings {
    /// Has a chat without a group show a code, once while it holds.
    pub(crate) async fn ask(&self, chat: &Chat) -> store::Result<()> {
        // The low bits of an id are random, whatever its form.
        let bits = self.ids.uuid().as_u128() as u64;
        let fresh = PairCode::from_bits(bits);
        let notice_id = OutboxId(self.ids.uuid());
        match self
            .store
            .ask_pairing(&chat.id, &fresh, notice_id, self.clock.now())
            .await
        {
            Ok(Asked::Now(_)) => {
                tracing::info!(chat.id = %chat.id, "a chat asks to be paired; `clawhold pair list` shows its code");
                self.hints.publish(Hint::Outbox {
                    channel: chat.channel.clone(),
                    account: chat.account.clone(),
                    row: None,
                });
            }
            Ok(Asked::Before(_)) => {}
            Ok(Asked::TooMany) => {
                tracing::warn!(chat.id = %chat.id, "too many chats ask to be paired; this one is not answered")
            }
            // Paired meanwhile, or there is nobody who could speak to it.
            Err(Error::Conflict(reason)) => {
                tracing::debug!(chat.id = %chat.id, reason, "a chat cannot ask to be paired")
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Who asks, the one that asked first first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self) -> store::Result<Vec<Waiting>> {
        let mut waiting = Vec::new();
        for pairing in self.store.pairings(self.clock.now()).await? {
            let name = self.store.chat(&pairing.chat).await?.and_then(|chat| chat.name);
            waiting.push(Waiting { pairing, name });
        }
        Ok(waiting)
    }

    /// Brings the chat with this code to a group: the one named, which must exist, else a new one named after the chat. The inner
    /// error is for whoever asked.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn approve(&self, code: &str, group: Option<&str>, by: &str) -> store::Result<Result<Approved, String>> {
        let code = match PairCode::parse(code) {
            Ok(code) => code,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let group = match group.map(GroupId::parse).transpose() {
            Ok(Some(group)) => group,
            Ok(None) => match self.new_group(&code).await? {
                Ok(group) => group,
                Err(reason) => return Ok(Err(reason)),
            },
            Err(error) => return Ok(Err(error.to_string())),
        };
        let ended = self.end(&code, Some(&group), by).await?;
        Ok(ended.map(|chat| Approved { chat, group }))
    }

    /// Leaves the chat with this code without a group. The inner error is for whoever asked.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn reject(&self, code: &str, by: &str) -> store::Result<Result<ChatId, String>> {
        match PairCode::parse(code) {
            Ok(code) => self.end(&code, None, by).await,
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    async fn new_group(&self, code: &PairCode) -> store::Result<Result<GroupId, String>> {
        let now = self.clock.now();
        let asked = self.store.pairings(now).await?;
        let Some(pairing) = asked.into_iter().find(|pairing| pairing.code == *code) else {
            return Ok(Err(no_such_code(code)));
        };
        let Some(chat) = self.store.chat(&pairing.chat).await? else {
            return Ok(Err(no_such_code(code)));
        };
        let taken = self.store.groups().await?;
        let Some(group) = group_for(&chat, &taken, now) else {
            return Ok(Err(
                "name the group: there are too many with this chat's name".to_owned()
            ));
        };
        self.store.put_group(&group).await?;
        self.directory.forget_group(&group.id);
        Ok(Ok(group.id))
    }

    async fn end(&self, code: &PairCode, group: Option<&GroupId>, by: &str) -> store::Result<Result<ChatId, String>> {
        match self.store.end_pairing(code, group, by, self.clock.now()).await {
            Ok(chat) => {
                self.directory.forget_chat(&chat);
                let group = group.map(tracing::field::display);
                tracing::info!(chat.id = %chat, group.id = group, actor = by, "pairing ended");
                Ok(Ok(chat))
            }
            Err(Error::NotFound { what: "group", id }) => Ok(Err(format!(
                "there is no group {id:?}: add it with `clawhold group add {id}`, or name none"
            ))),
            Err(Error::NotFound { .. }) => Ok(Err(no_such_code(code))),
            Err(error) => Err(error),
        }
    }
}

fn no_such_code(code: &PairCode) -> String {
    format!("no chat asks with the code {code} (any more): codes hold for an hour, and `clawhold pair list` shows them")
}
