//! Putting something into the outbox, at the end of its chat's queue.

use proto::ids::{ChatId, Epoch, GroupId, OutboxId, TurnId};
use proto::outbound::{Delivery, OutboxState, Reply};
use proto::time::Timestamp;
use proto::turn::Recorded;

use super::outbox_rows::OutboxRow;
use super::state::State;
use super::switches::Switch;
use super::{chats, groups};
use crate::{Error, Result};

/// What a new row says about itself beside the reply.
pub(super) struct Origin<'a> {
    pub(super) group: &'a GroupId,
    pub(super) turn: Option<TurnId>,
    pub(super) epoch: Epoch,
    pub(super) early: bool,
    pub(super) now: Timestamp,
}

impl State {
    pub(super) fn require_chat(&self, chat: &ChatId) -> Result<()> {
        if self.chats.contains_key(chat) {
            Ok(())
        } else {
            Err(chats::not_found(chat))
        }
    }

    pub(super) fn push(&mut self, origin: &Origin<'_>, key: &str, reply: &Reply, id: OutboxId) -> Result<()> {
        let chat = self
            .chats
            .get_mut(&reply.chat)
            .ok_or_else(|| chats::not_found(&reply.chat))?;
        chat.outbox_seq += 1;
        let delivery = Delivery {
            id,
            chat: reply.chat.clone(),
            channel: chat.chat.channel.clone(),
            account: chat.chat.account.clone(),
            group: origin.group.clone(),
            turn: origin.turn,
            seq: chat.outbox_seq,
            text: reply.text.clone(),
            sender: reply.sender.clone(),
            extra: reply.extra.clone(),
            state: OutboxState::Pending,
            attempts: 0,
            failures: 0,
            sent_through: 0,
            in_doubt: false,
            created_at: origin.now,
        };
        let row = OutboxRow {
            delivery,
            early: origin.early,
            key: key.to_owned(),
            not_before: Timestamp::default(),
            said_epoch: origin.epoch,
            done_at: None,
            error: None,
            receipt: None,
        };
        self.outbox.insert(row);
        Ok(())
    }

    pub(super) fn put_notice(&mut self, key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Result<Recorded> {
        let known = self.outbox.notice(key).filter(|_| !self.lacks(Switch::NoticeKey));
        if let Some(known) = known {
            return Ok(Recorded::Already(known));
        }
        let chat = self
            .chats
            .get(&reply.chat)
            .ok_or_else(|| chats::not_found(&reply.chat))?;
        let group = chat.chat.group.clone();
        let group = group.ok_or_else(|| Error::Conflict(format!("chat {} belongs to no group", reply.chat)))?;
        if self.group(&group).is_none() {
            return Err(groups::not_found(&group));
        }
        let origin = Origin {
            group: &group,
            turn: None,
            epoch: Epoch::ZERO,
            early: false,
            now,
        };
        self.push(&origin, key, reply, fresh)?;
        Ok(Recorded::New(fresh))
    }
}
