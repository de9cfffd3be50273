//! The inbox: appending to it, and reading it in order.

use proto::claim::{Fence, ReadyKind};
use proto::ids::{GroupId, InboxOrd};
use proto::inbound::{Envelope, InboxMessage};
use proto::prompt::{MESSAGES_MAX, PENDING_MAX, choose_batch};
use proto::time::Timestamp;

use super::state::{MessageRow, State};
use super::switches::Switch;
use super::{chats, groups};
use crate::{Appended, Result};

impl State {
    pub(super) fn append(&mut self, envelope: &Envelope, now: Timestamp) -> Result<Appended> {
        if self.dedup_keys.contains(&envelope.dedup_key) && !self.lacks(Switch::DedupKey) {
            return Ok(Appended::Duplicate);
        }
        if !self.chats.contains_key(&envelope.chat) {
            return Err(chats::not_found(&envelope.chat));
        }
        let group = self.groups.get_mut(&envelope.group).filter(|row| !row.removed);
        let group = group.ok_or_else(|| groups::not_found(&envelope.group))?;
        group.head = group.head.next();
        if envelope.engages {
            // A person makes it theirs; a task takes it only where nobody waits.
            group.ready_kind = match (&envelope.task, group.ready_at) {
                (None, _) => ReadyKind::Interactive,
                (Some(_), None) => ReadyKind::Task,
                (Some(_), Some(_)) => group.ready_kind,
            };
            group.ready_at = group.ready_at.or(Some(now));
        }
        let ord = group.head;
        let message = InboxMessage {
            ord,
            envelope: envelope.clone(),
        };
        self.dedup_keys.insert(envelope.dedup_key.clone());
        self.messages.insert(
            (envelope.group.clone(), ord),
            MessageRow {
                message,
                arrived_at: now,
            },
        );
        Ok(Appended::Stored(ord))
    }

    /// Newest chatter that was covered without having been shown to the group's session, oldest first.
    pub(super) fn unseen(&self, group: &GroupId, shown: InboxOrd, cursor: InboxOrd) -> Vec<InboxMessage> {
        let mut unseen: Vec<_> = self
            .after(group, shown)
            .take_while(|message| message.ord <= cursor)
            .filter(|message| !message.envelope.engages)
            .cloned()
            .collect();
        unseen.drain(..unseen.len().saturating_sub(MESSAGES_MAX));
        unseen
    }

    pub(super) fn follow_ups(&mut self, fence: &Fence, after: InboxOrd) -> Result<Vec<InboxMessage>> {
        self.held(fence)?;
        if !self.engaging_after(&fence.group, after) {
            return Ok(Vec::new());
        }
        let pending: Vec<_> = self.after(&fence.group, after).take(PENDING_MAX).cloned().collect();
        Ok(choose_batch(&pending).map(<[_]>::to_vec).unwrap_or_default())
    }
}
