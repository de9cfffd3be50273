//! Turns: beginning one, marking how far it got, committing it.

use proto::claim::Fence;
use proto::ids::{GroupId, InboxOrd, OutboxId, SessionId, TurnId};
use proto::inbound::InboxMessage;
use proto::prompt::{PENDING_MAX, choose_batch, choose_batch_again, firing_of, is_isolated, with_unseen};
use proto::task::RunOutcome;
use proto::time::Timestamp;
use proto::turn::{Committed, Interrupted, TurnBatch, TurnCommit, TurnState};

use super::outbox::Origin;
use super::state::{State, TurnRow, UsageRow};
use super::switches::Switch;
use crate::ending::{Ending, with_note};
use crate::{Begun, Error, Result, TurnRecord, replies};

impl State {
    pub(super) fn begin(&mut self, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun> {
        let cursor = self.held(fence)?.cursor;
        let open = self.open_turn(&fence.group);
        if open.is_none() && !self.engaging_after(&fence.group, cursor) {
            return Ok(Begun::Nothing);
        }
        let is_known = self.turns.contains_key(&fresh) && !self.lacks(Switch::BeginOnce);
        if open.is_none() && is_known {
            // A call that was held up until after the turn it opened was closed; the databases' primary key refuses it alike.
            return Err(Error::Conflict(format!("turn {fresh} was begun before")));
        }
        let seen_through = open.and_then(|id| self.turns.get(&id)?.prompted_through);
        let pending: Vec<InboxMessage> = self.after(&fence.group, cursor).take(PENDING_MAX).cloned().collect();
        let batch = match seen_through {
            Some(seen) => choose_batch_again(&pending, seen),
            None => choose_batch(&pending),
        };
        let Some(batch) = batch else {
            return Ok(Begun::Nothing);
        };
        let shown = self.held(fence)?.shown;
        let messages = with_unseen(self.unseen(&fence.group, shown, cursor), batch);
        let isolated = is_isolated(&messages);

        let group = self.held(fence)?;
        group.attempts = group.attempts.max(1);
        group.active_at = now;
        let (attempt, runner_deaths, session) = (group.attempts, group.runner_deaths, group.session.clone());
        let id = open.unwrap_or(fresh);
        let turn = self.turns.entry(id).or_insert_with(|| TurnRow {
            group: fence.group.clone(),
            state: TurnState::Open,
            epoch: fence.epoch,
            attempt,
            prompted_through: None,
            session: None,
            isolated,
            error: None,
            opened_at: now,
            stop_asked_at: None,
            closed_at: None,
        });
        self.open_turns.insert(fence.group.clone(), id);
        (turn.epoch, turn.attempt, turn.isolated) = (fence.epoch, attempt, isolated);
        let session = turn.session.clone().or(session.filter(|_| !isolated));
        if let Some(firing) = firing_of(&messages) {
            self.begin_firing(firing, id, now);
        }
        let interrupted = seen_through.map(|seen_through| Interrupted {
            seen_through,
            already_sent: self.sent_early(id),
        });
        Ok(Begun::Turn(Box::new(TurnBatch {
            turn: id,
            attempt,
            runner_deaths,
            cursor,
            messages,
            session,
            interrupted,
            snapshot: self.snapshots.get(&fence.group).cloned(),
        })))
    }

    pub(super) fn turn_record(&self, id: TurnId) -> Option<TurnRecord> {
        self.turns.get(&id).map(|turn| TurnRecord {
            turn: id,
            group: turn.group.clone(),
            state: turn.state,
            attempt: turn.attempt,
            error: turn.error.clone(),
        })
    }

    /// The open turn of this claim.
    pub(super) fn open(&mut self, fence: &Fence, id: TurnId) -> Result<&mut TurnRow> {
        let any = self.lacks(Switch::EpochOnEffects);
        let turn = self
            .turns
            .get_mut(&id)
            .filter(|turn| turn.group == fence.group)
            .ok_or_else(|| not_found(id))?;
        if turn.state == TurnState::Open && (any || turn.epoch == fence.epoch) {
            Ok(turn)
        } else {
            Err(Error::Conflict(format!("turn {id} is not open in this claim")))
        }
    }

    /// Fails unless the turn is open in this claim, or was committed by it.
    pub(super) fn require_of_claim(&self, fence: &Fence, id: TurnId) -> Result<()> {
        let turn = self.turns.get(&id).filter(|turn| turn.group == fence.group);
        let turn = turn.ok_or_else(|| not_found(id))?;
        let of_claim = turn.epoch == fence.epoch || self.lacks(Switch::EpochOnEffects);
        match turn.state {
            TurnState::Open | TurnState::Committed if of_claim => Ok(()),
            _ => Err(Error::Conflict(format!("turn {id} is not one of this claim"))),
        }
    }

    pub(super) fn mark_prompted(
        &mut self,
        fence: &Fence,
        id: TurnId,
        through: InboxOrd,
        session: &SessionId,
    ) -> Result<()> {
        self.held(fence)?;
        let turn = self.open(fence, id)?;
        turn.prompted_through = turn.prompted_through.max(Some(through));
        turn.session = Some(session.clone());
        Ok(())
    }

    pub(super) fn commit(&mut self, fence: &Fence, commit: &TurnCommit, ids: &[OutboxId]) -> Result<Committed> {
        if self.lacks(Switch::SnapshotWithCommit) {
            self.put_snapshot(&fence.group, commit);
        }
        let turn = self.turns.get(&commit.turn).filter(|turn| turn.group == fence.group);
        let turn = turn.ok_or_else(|| not_found(commit.turn))?;
        let before = turn.state == TurnState::Committed && turn.epoch == fence.epoch;
        if before && !self.lacks(Switch::CommitOnce) {
            return Ok(Committed::Before);
        }
        self.held(fence)?;
        if !before {
            self.open(fence, commit.turn)?;
            self.require_cursor(fence, commit)?;
        }
        replies::check(&commit.replies, ids)?;
        commit
            .replies
            .iter()
            .try_for_each(|reply| self.require_chat(&reply.chat))?;
        let more = self.make_true(fence, commit)?;
        let origin = Origin {
            group: &fence.group,
            turn: Some(commit.turn),
            epoch: fence.epoch,
            early: false,
            now: commit.now,
        };
        let paused = self.end_firing(&Ending::of_commit(commit));
        let replies = with_note(&commit.replies, paused);
        for (reply, id) in replies.iter().zip(ids) {
            self.push(&origin, &reply.key, reply, *id)?;
        }
        Ok(Committed::Now { more })
    }

    fn require_cursor(&mut self, fence: &Fence, commit: &TurnCommit) -> Result<()> {
        let group = self.held(fence)?;
        let (cursor, head) = (group.cursor, group.head);
        let grows = commit.through > cursor || self.lacks(Switch::CursorNeverDecreases);
        if grows && commit.through <= head {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "turn {} cannot move the cursor of group {} from {cursor} to {} (head {head})",
            commit.turn, fence.group, commit.through
        )))
    }

    /// Whether something that engages the agent lies behind the new cursor.
    fn make_true(&mut self, fence: &Fence, commit: &TurnCommit) -> Result<bool> {
        if let Some(turn) = self.turns.get_mut(&commit.turn) {
            turn.state = TurnState::Committed;
            turn.session.clone_from(&commit.session);
            turn.closed_at = Some(commit.now);
        }
        if self.open_turn(&fence.group) == Some(commit.turn) {
            self.open_turns.remove(&fence.group);
        }
        let has_more = self.engaging_after(&fence.group, commit.through);
        let kind = self.kind_after(&fence.group, commit.through);
        // What the group's own session has not seen, and whose session this is not, changes nothing about it.
        let isolated = self.turns.get(&commit.turn).is_some_and(|turn| turn.isolated);
        let apart = isolated || commit.outcome == RunOutcome::NotWoken;
        let group = self.held(fence)?;
        group.cursor = commit.through;
        if !apart {
            group.shown = commit.through;
            group.session.clone_from(&commit.session);
        }
        group.ready_kind = kind;
        (group.attempts, group.runner_deaths) = (0, 0);
        group.ready_at = has_more.then_some(commit.now);
        group.active_at = commit.now;
        self.put_snapshot(&fence.group, commit);
        let used = UsageRow {
            group: fence.group.clone(),
            usage: commit.usage,
            cost_micros: commit.cost_micros,
            at: commit.now,
        };
        self.usage.insert(commit.turn, used);
        Ok(has_more)
    }

    fn put_snapshot(&mut self, group: &GroupId, commit: &TurnCommit) {
        if let Some(snapshot) = &commit.snapshot {
            self.snapshots.insert(group.clone(), snapshot.clone());
        }
    }
}

fn not_found(id: TurnId) -> Error {
    Error::NotFound {
        what: "turn",
        id: id.to_string(),
    }
}
