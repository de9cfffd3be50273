//! The rows.

use std::collections::{BTreeMap, BTreeSet};

use proto::claim::{Fence, ReadyKind};
use proto::group::{Chat, Group};
use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::InboxMessage;
use proto::outbound::Delivery;
use proto::time::Timestamp;
use proto::turn::{TurnState, Usage};
use serde_json::Value;

use crate::{DeadLetter, Error, Result, RunnerRow};

/// All rows; the maps have the names of the tables.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) groups: BTreeMap<GroupId, GroupRow>,
    pub(super) chats: BTreeMap<ChatId, ChatRow>,
    pub(super) messages: BTreeMap<(GroupId, InboxOrd), MessageRow>,
    /// Dedup keys of `messages`.
    pub(super) dedup_keys: BTreeSet<String>,
    pub(super) runners: BTreeMap<RunnerId, (RunnerRow, u32)>,
    pub(super) slots: BTreeMap<(RunnerId, u32), GroupId>,
    pub(super) turns: BTreeMap<TurnId, TurnRow>,
    pub(super) transcripts: BTreeMap<(GroupId, SessionId, Option<String>), Vec<LineRow>>,
    pub(super) outbox: BTreeMap<OutboxId, OutboxRow>,
    pub(super) usage: BTreeMap<TurnId, (Usage, Option<i64>)>,
    pub(super) dead_letters: BTreeMap<(GroupId, InboxOrd), DeadLetter>,
}

#[derive(Debug)]
pub(super) struct GroupRow {
    pub(super) group: Group,
    pub(super) removed: bool,
    pub(super) head: InboxOrd,
    pub(super) cursor: InboxOrd,
    pub(super) ready_at: Option<Timestamp>,
    pub(super) ready_kind: ReadyKind,
    pub(super) not_before: Timestamp,
    pub(super) owner: Option<(RunnerId, Incarnation)>,
    pub(super) last_runner: Option<RunnerId>,
    pub(super) epoch: Epoch,
    pub(super) attempts: u32,
    pub(super) runner_deaths: u32,
    pub(super) session: Option<SessionId>,
    pub(super) active_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct ChatRow {
    pub(super) chat: Chat,
    pub(super) outbox_seq: i64,
}

#[derive(Debug)]
pub(super) struct MessageRow {
    pub(super) message: InboxMessage,
    pub(super) arrived_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct TurnRow {
    pub(super) group: GroupId,
    pub(super) state: TurnState,
    pub(super) epoch: Epoch,
    pub(super) attempt: u32,
    pub(super) prompted_through: Option<InboxOrd>,
    pub(super) session: Option<SessionId>,
    pub(super) error: Option<String>,
    pub(super) closed_at: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct LineRow {
    pub(super) line: Value,
    pub(super) written_at: Timestamp,
}

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

impl GroupRow {
    /// Whether a runner may claim it by now, stickiness aside.
    pub(super) fn waits(&self, now: Timestamp) -> Option<Timestamp> {
        self.ready_at.filter(|_| self.owner.is_none() && self.not_before <= now)
    }
}

impl State {
    /// Whether a fence is the newest of its group, and of a life that is not over.
    pub(super) fn holds(&self, fence: &Fence) -> bool {
        let alive = self
            .runners
            .get(&fence.runner)
            .is_some_and(|(row, _)| row.incarnation == fence.incarnation && !row.dead);
        let owned = self.groups.get(&fence.group).is_some_and(|group| {
            let owner = group.owner.as_ref();
            group.epoch == fence.epoch
                && owner.is_some_and(|(runner, life)| *runner == fence.runner && *life == fence.incarnation)
        });
        alive && owned
    }

    /// The group that a fence holds.
    pub(super) fn held(&mut self, fence: &Fence) -> Result<&mut GroupRow> {
        let holds = self.holds(fence);
        self.groups
            .get_mut(&fence.group)
            .filter(|_| holds)
            .ok_or_else(|| Error::Fenced(Box::new(fence.clone())))
    }

    /// Messages of a group after a position.
    pub(super) fn after(&self, group: &GroupId, after: InboxOrd) -> impl Iterator<Item = &InboxMessage> {
        let range = (group.clone(), after.next())..=(group.clone(), InboxOrd(i64::MAX));
        self.messages.range(range).map(|(_, row)| &row.message)
    }

    /// Whether a message that engages the agent lies after `cursor`.
    pub(super) fn engaging_after(&self, group: &GroupId, cursor: InboxOrd) -> bool {
        self.after(group, cursor).any(|message| message.envelope.engages)
    }

    /// The turn of a group that is open.
    pub(super) fn open_turn(&self, group: &GroupId) -> Option<TurnId> {
        let open = |turn: &TurnRow| turn.group == *group && turn.state == TurnState::Open;
        self.turns.iter().find(|(_, turn)| open(turn)).map(|(id, _)| *id)
    }

    /// Whether the group must be claimed again.
    pub(super) fn has_work(&self, group: &GroupId, cursor: InboxOrd) -> bool {
        self.open_turn(group).is_some() || self.engaging_after(group, cursor)
    }
}
