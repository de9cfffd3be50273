//! The rows of the outbox, and what finds them.
//!
//! Invariant: the indexes say the same as the rows. So rows change only here.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::{ChatId, OutboxId, TurnId};
use proto::outbound::{Delivery, OutboxState};
use proto::time::Timestamp;

use proto::ids::Epoch;

#[derive(Debug)]
pub(super) struct OutboxRow {
    /// Channel and account are those of the chat and are filled in when the row is read.
    pub(super) delivery: Delivery,
    pub(super) early: bool,
    pub(super) key: String,
    pub(super) not_before: Timestamp,
    pub(super) said_epoch: Epoch,
    pub(super) done_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    rows: BTreeMap<OutboxId, OutboxRow>,
    by_chat: BTreeMap<(ChatId, i64), OutboxId>,
    /// Of `by_chat` what blocks its chat.
    open: BTreeSet<(ChatId, i64)>,
    early: BTreeSet<(TurnId, OutboxId)>,
    notices: BTreeMap<String, OutboxId>,
}

impl Outbox {
    pub(super) fn get(&self, id: OutboxId) -> Option<&OutboxRow> {
        self.rows.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &OutboxRow> {
        self.rows.values()
    }

    pub(super) fn insert(&mut self, row: OutboxRow) {
        let (id, place) = (row.delivery.id, place(&row));
        match row.delivery.turn {
            Some(turn) if row.early => drop(self.early.insert((turn, id))),
            Some(_) => {}
            None => drop(self.notices.insert(row.key.clone(), id)),
        }
        self.by_chat.insert(place.clone(), id);
        if is_open(&row) {
            self.open.insert(place);
        }
        self.rows.insert(id, row);
    }

    /// Changes a row; everything but its identity, place, turn and key may change.
    pub(super) fn change(&mut self, id: OutboxId, change: impl FnOnce(&mut OutboxRow)) {
        if let Some(row) = self.rows.get_mut(&id) {
            change(row);
            if is_open(row) {
                self.open.insert(place(row));
            } else {
                self.open.remove(&place(row));
            }
        }
    }

    /// Removes what is `gone`, but no more than is `left` to be removed.
    pub(super) fn remove(&mut self, left: &mut usize, gone: impl Fn(&OutboxRow) -> bool) {
        let ids: Vec<_> = self.rows.values().filter(|row| gone(row)).take(*left).collect();
        let ids: Vec<_> = ids.into_iter().map(|row| row.delivery.id).collect();
        *left -= ids.len();
        for id in ids {
            if let Some(row) = self.rows.remove(&id) {
                self.by_chat.remove(&place(&row));
                self.open.remove(&place(&row));
                match row.delivery.turn {
                    Some(turn) => drop(self.early.remove(&(turn, id))),
                    None => drop(self.notices.remove(&row.key)),
                }
            }
        }
    }

    /// Rows that block their chat, by chat and position.
    pub(super) fn open(&self) -> impl Iterator<Item = &OutboxRow> {
        self.open.iter().filter_map(|place| self.at(place))
    }

    /// Rows of a chat that block it.
    pub(super) fn open_of(&self, chat: &ChatId) -> impl Iterator<Item = &OutboxRow> {
        self.open
            .range((chat.clone(), i64::MIN)..=(chat.clone(), i64::MAX))
            .filter_map(|place| self.at(place))
    }

    /// Rows of a chat after a position.
    pub(super) fn after(&self, chat: &ChatId, seq: i64) -> impl Iterator<Item = &OutboxRow> {
        let from = (chat.clone(), seq.saturating_add(1));
        self.by_chat
            .range(from..=(chat.clone(), i64::MAX))
            .filter_map(|(_, id)| self.rows.get(id))
    }

    /// What was sent early in a turn.
    pub(super) fn early_of(&self, turn: TurnId) -> impl Iterator<Item = &OutboxRow> {
        self.early
            .range((turn, OutboxId(uuid::Uuid::nil()))..=(turn, OutboxId(uuid::Uuid::max())))
            .filter_map(|(_, id)| self.rows.get(id))
    }

    pub(super) fn notice(&self, key: &str) -> Option<OutboxId> {
        self.notices.get(key).copied()
    }

    fn at(&self, place: &(ChatId, i64)) -> Option<&OutboxRow> {
        self.rows.get(self.by_chat.get(place)?)
    }
}

fn place(row: &OutboxRow) -> (ChatId, i64) {
    (row.delivery.chat.clone(), row.delivery.seq)
}

/// Whether a row blocks what comes after it in its chat.
fn is_open(row: &OutboxRow) -> bool {
    match row.delivery.state {
        OutboxState::Pending | OutboxState::Sending => true,
        OutboxState::Sent | OutboxState::Uncertain | OutboxState::Dead => false,
    }
}
