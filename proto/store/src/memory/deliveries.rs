//! Deliveries: the outbox as its channel sees it.

use proto::ids::{ChatId, OutboxId};
use proto::outbound::{AfterSend, Delivery, OutboxState};
use proto::time::Timestamp;

use super::state::{OutboxRow, State};
use crate::{Error, Result};

impl State {
    pub(super) fn due(&self, channel: &str, account: &str, now: Timestamp, limit: u32) -> Vec<Delivery> {
        let due = |row: &&OutboxRow| self.is_due(row, now) && self.sends_for(row, channel, account);
        self.sorted(self.outbox.values().filter(due))
            .take(limit as usize)
            .collect()
    }

    pub(super) fn begin_delivery(&mut self, id: OutboxId, now: Timestamp) -> Option<Delivery> {
        if !self.is_due(self.outbox.get(&id)?, now) {
            return None;
        }
        let row = self.outbox.get_mut(&id)?;
        row.delivery.state = OutboxState::Sending;
        row.delivery.attempts += 1;
        self.outbox.get(&id).map(|row| self.seen(row))
    }

    pub(super) fn finish_delivery(
        &mut self,
        id: OutboxId,
        attempt: u32,
        after: &AfterSend,
        now: Timestamp,
    ) -> Result<()> {
        let row = self.outbox.get_mut(&id);
        let row = row.ok_or_else(|| Error::NotFound {
            what: "delivery",
            id: id.to_string(),
        })?;
        let state = match after {
            AfterSend::Sent { .. } => OutboxState::Sent,
            AfterSend::Retry { .. } => OutboxState::Pending,
            AfterSend::Uncertain { .. } => OutboxState::Uncertain,
            AfterSend::Dead { .. } => OutboxState::Dead,
        };
        if row.delivery.attempts == attempt && row.delivery.state == state {
            return Ok(());
        }
        if row.delivery.attempts != attempt || row.delivery.state != OutboxState::Sending {
            return Err(Error::Conflict(format!(
                "attempt {attempt} at delivery {id} is not the one being made"
            )));
        }
        row.delivery.state = state;
        match after {
            AfterSend::Retry { not_before, .. } => row.not_before = *not_before,
            AfterSend::Sent { .. } | AfterSend::Uncertain { .. } | AfterSend::Dead { .. } => row.done_at = Some(now),
        }
        Ok(())
    }

    pub(super) fn interrupted(&self, channel: &str, account: &str) -> Vec<Delivery> {
        let sending =
            |row: &&OutboxRow| row.delivery.state == OutboxState::Sending && self.sends_for(row, channel, account);
        self.sorted(self.outbox.values().filter(sending)).collect()
    }

    pub(super) fn deliveries_after(&self, chat: &ChatId, after_seq: i64, limit: u32) -> Vec<Delivery> {
        let later = |row: &&OutboxRow| row.delivery.chat == *chat && row.delivery.seq > after_seq;
        let mut rows: Vec<_> = self.outbox.values().filter(later).map(|row| self.seen(row)).collect();
        rows.sort_by_key(|row| row.seq);
        rows.truncate(limit as usize);
        rows
    }

    fn is_due(&self, row: &OutboxRow, now: Timestamp) -> bool {
        let blocks = |earlier: &OutboxRow| {
            is_open(earlier) && earlier.delivery.chat == row.delivery.chat && earlier.delivery.seq < row.delivery.seq
        };
        row.delivery.state == OutboxState::Pending && row.not_before <= now && !self.outbox.values().any(blocks)
    }

    fn sends_for(&self, row: &OutboxRow, channel: &str, account: &str) -> bool {
        let chat = self.chats.get(&row.delivery.chat);
        chat.is_some_and(|row| row.chat.channel == channel && row.chat.account == account)
    }

    fn sorted<'r>(&self, rows: impl Iterator<Item = &'r OutboxRow>) -> impl Iterator<Item = Delivery> {
        let mut rows: Vec<_> = rows.map(|row| self.seen(row)).collect();
        rows.sort_by_key(|row| (row.created_at, row.id));
        rows.into_iter()
    }

    /// The row with the channel and account its chat has now.
    fn seen(&self, row: &OutboxRow) -> Delivery {
        let mut delivery = row.delivery.clone();
        if let Some(chat) = self.chats.get(&delivery.chat) {
            delivery.channel.clone_from(&chat.chat.channel);
            delivery.account.clone_from(&chat.chat.account);
        }
        delivery
    }
}

/// Whether a row blocks what comes after it in its chat.
pub(super) fn is_open(row: &OutboxRow) -> bool {
    match row.delivery.state {
        OutboxState::Pending | OutboxState::Sending => true,
        OutboxState::Sent | OutboxState::Uncertain | OutboxState::Dead => false,
    }
}
