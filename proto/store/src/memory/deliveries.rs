//! Deliveries: the outbox as its channel sees it.

use std::cmp::Reverse;

use proto::ids::{ChatId, OutboxId};
use proto::lease::holding::Hold;
use proto::outbound::{AfterReceipt, AfterSend, Delivery, OutboxState, Receipt, decide_after_receipt};
use proto::time::Timestamp;

use super::outbox_rows::OutboxRow;
use super::state::State;
use super::switches::Switch;
use crate::delivering::{Finish, noted, noted_before, state_after};
use crate::{Error, Noted, Result, Undelivered};

impl State {
    pub(super) fn due(&self, channel: &str, account: &str, now: Timestamp, limit: u32) -> Vec<Delivery> {
        let due = |row: &&OutboxRow| is_pending(row) && self.may_go(row, now) && self.sends_for(row, channel, account);
        self.sorted(self.outbox.open().filter(due))
            .take(limit as usize)
            .collect()
    }

    pub(super) fn begin_delivery(&mut self, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>> {
        let (channel, account) = self.held_account(hold)?;
        let chargeable = |row: &&OutboxRow| {
            (is_pending(row) || self.lacks(Switch::DeliveryCharge))
                && self.may_go(row, now)
                && self.sends_for(row, channel, account)
        };
        if self.outbox.get(id).filter(chargeable).is_none() {
            return Ok(None);
        }
        self.outbox.change(id, |row| {
            row.delivery.state = OutboxState::Sending;
            row.delivery.attempts += 1;
        });
        Ok(self.outbox.get(id).map(|row| self.seen(row)))
    }

    pub(super) fn finish_delivery(
        &mut self,
        id: OutboxId,
        attempt: u32,
        after: &AfterSend,
        now: Timestamp,
    ) -> Result<Option<OutboxId>> {
        let row = self.outbox.get(id);
        let row = row.ok_or_else(|| Error::NotFound {
            what: "delivery",
            id: id.to_string(),
        })?;
        let change = Finish::of(after);
        if row.delivery.attempts == attempt && row.delivery.state == change.state {
            return Ok(None);
        }
        let (chat, seq) = (row.delivery.chat.clone(), row.delivery.seq);
        let being_made = row.delivery.attempts == attempt && row.delivery.state == OutboxState::Sending;
        if !being_made && !self.lacks(Switch::DeliveryAttempt) {
            return Err(Error::Conflict(format!(
                "attempt {attempt} at delivery {id} is not the one being made"
            )));
        }
        self.outbox.change(id, |row| {
            let delivery = &mut row.delivery;
            delivery.state = change.state;
            delivery.failures = if change.progressed {
                0
            } else {
                delivery.failures + change.failed
            };
            delivery.sent_through = change.sent_through.unwrap_or(delivery.sent_through);
            delivery.in_doubt |= change.in_doubt;
            row.not_before = change.not_before.unwrap_or(row.not_before);
            row.error = change.error.map(str::to_owned);
            if change.state != OutboxState::Pending {
                row.done_at = Some(now);
            }
        });
        if change.state == OutboxState::Pending {
            return Ok(None);
        }
        let behind = self.outbox.open_of(&chat).find(|row| row.delivery.seq > seq);
        Ok(behind.map(|row| row.delivery.id))
    }

    pub(super) fn note_receipt(&mut self, receipt: &Receipt, now: Timestamp) -> Noted {
        let Some(row) = self.outbox.get(receipt.delivery) else {
            return Noted::Unknown;
        };
        if !receipt.supersedes(row.receipt.as_ref()) {
            return noted_before(row.delivery.clone(), receipt, row.receipt.as_ref());
        }
        let after = decide_after_receipt(&row.delivery, receipt);
        if after == AfterReceipt::NotYet {
            return Noted::NotYet;
        }
        self.outbox.change(receipt.delivery, |row| {
            row.receipt = Some(receipt.clone());
            row.delivery.in_doubt |= after == AfterReceipt::InDoubt;
            if let Some(state) = state_after(after) {
                row.delivery.state = state;
                row.error = receipt.reason.clone();
                row.done_at = Some(now);
            }
        });
        let row = self.outbox.get(receipt.delivery).map(|row| self.seen(row));
        row.map_or(Noted::Unknown, |row| noted(after, row))
    }

    pub(super) fn receipt(&self, id: OutboxId) -> Option<Receipt> {
        self.outbox.get(id)?.receipt.clone()
    }

    pub(super) fn undelivered(&self, limit: u32) -> Vec<Undelivered> {
        let mut rows: Vec<_> = self.outbox.dead().chain(self.outbox.doubtful()).collect();
        rows.sort_by_key(|row| Reverse((row.done_at, row.delivery.id)));
        let undelivered = |row: &OutboxRow| Undelivered {
            delivery: self.seen(row),
            reason: row.error.clone(),
            at: row.done_at.unwrap_or_default(),
        };
        rows.into_iter().take(limit as usize).map(undelivered).collect()
    }

    pub(super) fn interrupted(&self, channel: &str, account: &str) -> Vec<Delivery> {
        let sending =
            |row: &&OutboxRow| row.delivery.state == OutboxState::Sending && self.sends_for(row, channel, account);
        self.sorted(self.outbox.open().filter(sending)).collect()
    }

    pub(super) fn deliveries_after(&self, chat: &ChatId, after_seq: i64, limit: u32) -> Vec<Delivery> {
        let rows = self.outbox.after(chat, after_seq).take(limit as usize);
        rows.map(|row| self.seen(row)).collect()
    }

    /// Whether its time has come and nothing is before it in its chat.
    fn may_go(&self, row: &OutboxRow, now: Timestamp) -> bool {
        let head = self.outbox.open_of(&row.delivery.chat).next();
        let blocked = head.is_some_and(|head| head.delivery.seq < row.delivery.seq);
        row.not_before <= now && (!blocked || self.lacks(Switch::DeliveryOrder))
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

fn is_pending(row: &OutboxRow) -> bool {
    row.delivery.state == OutboxState::Pending
}
