//! The ends of a claim: a failed attempt, a dead letter, a release.

use std::slice;

use proto::claim::Fence;
use proto::ids::{InboxOrd, OutboxId};
use proto::inbound::InboxMessage;
use proto::outbound::Reply;
use proto::time::Timestamp;
use proto::turn::{AfterFailure, TurnFailure, TurnState};

use super::outbox::Origin;
use super::state::State;
use super::switches::Switch;
use crate::ending::{Ending, with_note};
use crate::{Error, Letter, Result};

impl State {
    pub(super) fn release(&mut self, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()> {
        let group = self.held(fence)?;
        if interrupted {
            group.attempts = group.attempts.saturating_sub(1);
        }
        self.end_claim(fence, Timestamp::default(), now)
    }

    pub(super) fn fail(&mut self, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()> {
        self.held(fence)?;
        self.open(fence, failure.turn)?;
        if failure.forget_session {
            let turn = self.open(fence, failure.turn)?;
            (turn.session, turn.prompted_through) = (None, None);
            if !turn.isolated {
                self.held(fence)?.session = None;
            }
        }
        match &failure.next {
            AfterFailure::Retry { not_before } => {
                self.open(fence, failure.turn)?.error = Some(failure.reason.clone());
                self.end_claim(fence, *not_before, failure.now)
            }
            AfterFailure::DeadLetter { through, notice } => {
                self.give_up(fence, failure, *through, notice, notice_id)?;
                self.end_claim(fence, Timestamp::default(), failure.now)
            }
        }
    }

    fn give_up(
        &mut self,
        fence: &Fence,
        failure: &TurnFailure,
        through: InboxOrd,
        notice: &Reply,
        notice_id: OutboxId,
    ) -> Result<()> {
        let group = self.held(fence)?;
        let (cursor, head) = (group.cursor, group.head);
        let grows = through > cursor || self.lacks(Switch::CursorNeverDecreases);
        if !grows || through > head {
            return Err(Error::Conflict(format!(
                "the messages of group {} after {cursor} cannot be given up through {through} (head {head})",
                fence.group
            )));
        }
        self.require_chat(&notice.chat)?;
        let isolated = self.open(fence, failure.turn)?.isolated;

        let given_up: Vec<InboxMessage> = self
            .after(&fence.group, cursor)
            .take_while(|message| message.ord <= through)
            // Chatter that an isolated firing let pass was not part of it.
            .filter(|message| message.envelope.task.is_some() || !isolated)
            .cloned()
            .collect();
        for message in given_up {
            self.put_letter(Letter::Message(message), failure.reason.clone(), failure.now);
        }
        let turn = self.open(fence, failure.turn)?;
        turn.state = TurnState::DeadLettered;
        turn.error = Some(failure.reason.clone());
        turn.closed_at = Some(failure.now);
        self.open_turns.remove(&fence.group);
        let group = self.held(fence)?;
        group.cursor = through;
        if !isolated {
            group.shown = through;
        }
        (group.attempts, group.runner_deaths) = (0, 0);
        let origin = Origin {
            group: &fence.group,
            turn: Some(failure.turn),
            epoch: fence.epoch,
            early: false,
            now: failure.now,
        };
        let paused = self.end_firing(&Ending::of_failure(failure, through));
        let notice = &with_note(slice::from_ref(notice), paused)[0];
        self.push(&origin, &notice.key, notice, notice_id)
    }

    fn end_claim(&mut self, fence: &Fence, not_before: Timestamp, now: Timestamp) -> Result<()> {
        let cursor = self.held(fence)?.cursor;
        let has_work = self.has_work(&fence.group, cursor);
        let kind = self.kind_after(&fence.group, cursor);
        let group = self.held(fence)?;
        group.owner = None;
        group.ready_kind = kind;
        if has_work {
            group.ready_at = Some(now);
            group.not_before = not_before;
        } else {
            group.ready_at = None;
            group.not_before = Timestamp::default();
            (group.attempts, group.runner_deaths) = (0, 0);
        }
        self.slots.retain(|_, group| *group != fence.group);
        Ok(())
    }
}
