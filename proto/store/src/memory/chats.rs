//! Chats: discovery and registration.

use std::cmp::Reverse;

use proto::group::{Chat, ChatSeen};
use proto::ids::{ChatId, GroupId};

use super::groups;
use super::state::{ChatRow, State};
use crate::{Error, Result};

impl State {
    pub(super) fn see_chat(&mut self, seen: &ChatSeen) -> Chat {
        let row = self.chats.entry(seen.id.clone()).or_insert_with(|| ChatRow {
            chat: Chat {
                id: seen.id.clone(),
                channel: seen.channel.clone(),
                account: seen.account.clone(),
                name: None,
                is_group_chat: false,
                group: None,
                last_seen_at: seen.seen_at,
                parent: None,
            },
            outbox_seq: 0,
        });
        let chat = &mut row.chat;
        chat.channel.clone_from(&seen.channel);
        chat.account.clone_from(&seen.account);
        chat.name = seen.name.clone().or(chat.name.take());
        chat.is_group_chat = seen.is_group_chat.unwrap_or(chat.is_group_chat);
        chat.parent = seen.parent.clone().or(chat.parent.take());
        chat.last_seen_at = chat.last_seen_at.max(seen.seen_at);
        chat.clone()
    }

    pub(super) fn register_chat(&mut self, chat: &ChatId, group: Option<&GroupId>) -> Result<()> {
        if let Some(group) = group
            && self.group(group).is_none()
        {
            return Err(groups::not_found(group));
        }
        let row = self.chats.get_mut(chat).ok_or_else(|| not_found(chat))?;
        row.chat.group = group.cloned();
        // Its threads go along.
        for thread in self
            .chats
            .values_mut()
            .filter(|row| row.chat.parent.as_ref() == Some(chat))
        {
            thread.chat.group = group.cloned();
        }
        Ok(())
    }

    pub(super) fn chats_by_last_seen(&self) -> Vec<Chat> {
        let mut chats: Vec<_> = self.chats.values().map(|row| row.chat.clone()).collect();
        chats.sort_by_key(|chat| Reverse(chat.last_seen_at));
        chats
    }
}

pub(super) fn not_found(id: &ChatId) -> Error {
    Error::NotFound {
        what: "chat",
        id: id.to_string(),
    }
}
