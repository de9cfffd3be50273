//! Early effects.

use proto::claim::Fence;
use proto::ids::{OutboxId, TurnId};
use proto::outbound::Reply;
use proto::time::Timestamp;
use proto::turn::{Recorded, Said};

use super::outbox::Origin;
use super::outbox_rows::OutboxRow;
use super::state::State;
use super::switches::Switch;
use crate::Result;

impl State {
    pub(super) fn record_effect(
        &mut self,
        fence: &Fence,
        turn: TurnId,
        effect: &Reply,
        fresh: OutboxId,
        now: Timestamp,
    ) -> Result<Recorded> {
        self.held(fence)?;
        self.require_of_claim(fence, turn)?;
        let known = self
            .find_by_key(turn, &effect.key)
            .or_else(|| self.find_replayed(fence, turn, effect))
            .filter(|_| !self.lacks(Switch::EarlyEffectKey));
        if let Some(known) = known {
            self.outbox.change(known, |row| {
                row.said_epoch = fence.epoch;
                row.key.clone_from(&effect.key);
            });
            return Ok(Recorded::Already(known));
        }
        let origin = Origin {
            group: &fence.group,
            turn: Some(turn),
            epoch: fence.epoch,
            early: true,
            now,
        };
        self.push(&origin, &effect.key, effect, fresh)?;
        Ok(Recorded::New(fresh))
    }

    /// What was sent early in a turn, oldest first.
    pub(super) fn sent_early(&self, turn: TurnId) -> Vec<Said> {
        let mut rows: Vec<_> = self.outbox.early_of(turn).collect();
        rows.sort_by_key(|row| (row.delivery.created_at, row.delivery.id));
        let said = |row: &OutboxRow| Said {
            chat: row.delivery.chat.clone(),
            text: row.delivery.text.clone(),
            sender: row.delivery.sender.clone(),
        };
        rows.into_iter().map(said).collect()
    }

    fn find_by_key(&self, turn: TurnId, key: &str) -> Option<OutboxId> {
        self.outbox
            .early_of(turn)
            .find(|row| row.key == key)
            .map(|row| row.delivery.id)
    }

    fn find_replayed(&self, fence: &Fence, turn: TurnId, effect: &Reply) -> Option<OutboxId> {
        self.outbox
            .early_of(turn)
            .filter(|row| row.said_epoch < fence.epoch)
            .map(|row| &row.delivery)
            .filter(|row| {
                row.chat == effect.chat
                    && row.text == effect.text
                    && row.sender == effect.sender
                    && row.extra == effect.extra
            })
            .min_by_key(|row| row.seq)
            .map(|row| row.id)
    }
}
