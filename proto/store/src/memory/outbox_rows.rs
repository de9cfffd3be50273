//! The rows of the outbox, and what finds them.
//!
//! Invariant: the indexes say the same as the rows. So rows change only here.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::{ChatId, Epoch, OutboxId, TurnId};
use proto::outbound::{Delivery, OutboxState, Receipt};
use proto::time::Timestamp;

#[derive(Debug)]
pub(super) struct OutboxRow {
    /// Channel and account are those of the chat and are filled in when the row is read.
    pub(super) delivery: Delivery,
    pub(super) early: bool,
    pub(super) key: String,
    pub(super) not_before: Timestamp,
    pub(super) said_epoch: Epoch,
    pub(super) done_at: Option<Timestamp>,
    pub(super) error: Option<String>,
    pub(super) receipt: Option<Receipt>,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    rows: BTreeMap<OutboxId, OutboxRow>,
    by_chat: BTreeMap<(ChatId, i64), OutboxId>,
    /// Of `by_chat` what is pending or being sent.
    open: BTreeSet<(ChatId, i64)>,
    uncertain: BTreeSet<OutboxId>,
    early: BTreeSet<(TurnId, OutboxId)>,
    notices: BTreeMap<String, OutboxId>,
}

impl Outbox {
    pub(super) fn get(&self, id: OutboxId) -> Option<&OutboxRow> {
        self.rows.get(&id)
    }

    /// How many may or may not have arrived.
    pub(super) fn uncertain(&self) -> usize {
        self.uncertain.len()
    }

    /// What may or may not have arrived.
    pub(super) fn doubtful(&self) -> impl Iterator<Item = &OutboxRow> {
        self.uncertain.iter().filter_map(|id| self.rows.get(id))
    }

    /// What was given up.
    pub(super) fn dead(&self) -> impl Iterator<Item = &OutboxRow> {
        self.rows.values().filter(|row| row.delivery.state == OutboxState::Dead)
    }

    pub(super) fn insert(&mut self, row: OutboxRow) {
        let id = row.delivery.id;
        match row.delivery.turn {
            Some(turn) if row.early => drop(self.early.insert((turn, id))),
            Some(_) => {}
            None => drop(self.notices.insert(row.key.clone(), id)),
        }
        self.by_chat.insert(place(&row), id);
        self.rows.insert(id, row);
        self.index(id);
    }

    /// Changes a row; everything but its identity, place and turn may change, and the key of a notice.
    pub(super) fn change(&mut self, id: OutboxId, change: impl FnOnce(&mut OutboxRow)) {
        if let Some(row) = self.rows.get_mut(&id) {
            change(row);
            self.index(id);
        }
    }

    /// Brings what depends on a row's state up to date.
    fn index(&mut self, id: OutboxId) {
        let Some(row) = self.rows.get(&id) else { return };
        match row.delivery.state {
            OutboxState::Pending | OutboxState::Sending => {
                self.open.insert(place(row));
                self.uncertain.remove(&id);
            }
            state @ (OutboxState::Sent | OutboxState::Uncertain | OutboxState::Dead) => {
                self.open.remove(&place(row));
                if state == OutboxState::Uncertain {
                    self.uncertain.insert(id);
                } else {
                    self.uncertain.remove(&id);
                }
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
                self.uncertain.remove(&id);
                match row.delivery.turn {
                    Some(turn) => drop(self.early.remove(&(turn, id))),
                    None => drop(self.notices.remove(&row.key)),
                }
            }
        }
    }

    /// Rows that are pending or being sent, by chat and position: they block what comes after them in their chat.
    pub(super) fn open(&self) -> impl Iterator<Item = &OutboxRow> {
        self.open.iter().filter_map(|place| self.at(place))
    }

    /// Those of one chat.
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
