//! The rows.

use std::collections::{BTreeMap, BTreeSet};

use proto::claim::{Fence, ReadyKind};
use proto::command::Pairing;
use proto::group::{Chat, Group};
use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, Incarnation, RunnerId, SessionId, TurnId};
use proto::inbound::InboxMessage;
use proto::lease::holding::{LeaseName, LeaseRow};
use proto::snapshot::SnapshotRef;
use proto::task::{RunOutcome, Task, TaskId};
use proto::time::Timestamp;
use proto::turn::{TurnState, Usage};
use serde_json::Value;

use super::outbox_rows::Outbox;
use super::switches::Switch;
use crate::{AuditEntry, DeadLetter, Error, Result, RunnerRow};

/// All rows; the maps have the names of the tables.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) groups: BTreeMap<GroupId, GroupRow>,
    pub(super) chats: BTreeMap<ChatId, ChatRow>,
    pub(super) messages: BTreeMap<(GroupId, InboxOrd), MessageRow>,
    /// Dedup keys of `messages`.
    pub(super) dedup_keys: BTreeSet<String>,
    pub(super) partitions: Partitions,
    /// Tables `leaders` and `accounts`.
    pub(super) leases: BTreeMap<LeaseName, LeaseRow>,
    /// By channel and account.
    pub(super) positions: BTreeMap<(String, String), String>,
    pub(super) runners: BTreeMap<RunnerId, RunnerEntry>,
    pub(super) slots: BTreeMap<(RunnerId, u32), GroupId>,
    pub(super) turns: BTreeMap<TurnId, TurnRow>,
    /// Of `turns` those that are open.
    pub(super) open_turns: BTreeMap<GroupId, TurnId>,
    pub(super) transcripts: BTreeMap<(GroupId, SessionId, Option<String>), Vec<LineRow>>,
    pub(super) snapshots: BTreeMap<GroupId, SnapshotRef>,
    pub(super) tasks: BTreeMap<TaskId, TaskRow>,
    pub(super) firings: BTreeMap<(TaskId, Timestamp), FiringRow>,
    /// Of `firings` those that have not ended.
    pub(super) open_firings: BTreeSet<(TaskId, Timestamp)>,
    pub(super) outbox: Outbox,
    pub(super) usage: BTreeMap<TurnId, UsageRow>,
    pub(super) pairings: BTreeMap<ChatId, Pairing>,
    pub(super) audit: Vec<AuditEntry>,
    /// By a number of their own, in the order of giving up.
    pub(super) dead_letters: BTreeMap<u64, DeadLetter>,
    /// Fences that are left out.
    pub(super) missing: BTreeSet<Switch>,
}

/// The table `partitions`: how far each is taken in, by its number.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    pub(super) log: String,
    pub(super) generation: i64,
    pub(super) cursors: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct RunnerEntry {
    pub(super) row: RunnerRow,
    pub(super) slots: u32,
    pub(super) registered_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct GroupRow {
    pub(super) group: Group,
    pub(super) removed: bool,
    pub(super) head: InboxOrd,
    pub(super) cursor: InboxOrd,
    pub(super) shown: InboxOrd,
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
    pub(super) isolated: bool,
    pub(super) error: Option<String>,
    pub(super) opened_at: Timestamp,
    pub(super) stop_asked_at: Option<Timestamp>,
    pub(super) closed_at: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct UsageRow {
    pub(super) group: GroupId,
    pub(super) usage: Usage,
    pub(super) cost_micros: Option<i64>,
    pub(super) at: Timestamp,
}

#[derive(Debug)]
pub(super) struct TaskRow {
    pub(super) task: Task,
    pub(super) changed_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct FiringRow {
    pub(super) group: GroupId,
    /// None: it became no work.
    pub(super) ord: Option<InboxOrd>,
    pub(super) turn: Option<TurnId>,
    pub(super) started_at: Option<Timestamp>,
    /// None: it is not finished.
    pub(super) end: Option<FiringEnd>,
}

#[derive(Debug)]
pub(super) struct FiringEnd {
    pub(super) at: Timestamp,
    pub(super) outcome: RunOutcome,
    pub(super) cost_micros: Option<i64>,
    pub(super) error: Option<String>,
}

#[derive(Debug)]
pub(super) struct LineRow {
    pub(super) line: Value,
    pub(super) written_at: Timestamp,
}

impl GroupRow {
    /// Since when it has been ready, if it may be attempted by now.
    pub(super) fn ready(&self, now: Timestamp) -> Option<Timestamp> {
        self.ready_at.filter(|_| self.not_before <= now)
    }

    /// Whether a runner may claim it by now, stickiness aside.
    pub(super) fn waits(&self, now: Timestamp) -> Option<Timestamp> {
        self.ready(now).filter(|_| self.owner.is_none())
    }
}

impl State {
    /// Whether a fence is left out.
    pub(super) fn lacks(&self, switch: Switch) -> bool {
        self.missing.contains(&switch)
    }

    /// Whether a fence is the newest of its group, and of a life that is not over.
    pub(super) fn holds(&self, fence: &Fence) -> bool {
        let alive = self
            .runners
            .get(&fence.runner)
            .is_some_and(|entry| entry.row.incarnation == fence.incarnation && !entry.row.dead);
        let owned = self.groups.get(&fence.group).is_some_and(|group| {
            let owner = group.owner.as_ref();
            group.epoch == fence.epoch
                && owner.is_some_and(|(runner, life)| *runner == fence.runner && *life == fence.incarnation)
        });
        alive && owned
    }

    /// The group that a fence holds.
    pub(super) fn held(&mut self, fence: &Fence) -> Result<&mut GroupRow> {
        let holds = self.holds(fence) || self.lacks(Switch::EpochOnEffects);
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

    /// For whom the group is ready after `cursor`: for a task only if nobody else calls.
    pub(super) fn kind_after(&self, group: &GroupId, cursor: InboxOrd) -> ReadyKind {
        let mut calls = self
            .after(group, cursor)
            .filter(|message| message.envelope.engages)
            .peekable();
        if calls.peek().is_some() && calls.all(|message| message.envelope.task.is_some()) {
            ReadyKind::Task
        } else {
            ReadyKind::Interactive
        }
    }

    /// The turn of a group that is open.
    pub(super) fn open_turn(&self, group: &GroupId) -> Option<TurnId> {
        self.open_turns.get(group).copied()
    }

    /// Whether the group must be claimed again.
    pub(super) fn has_work(&self, group: &GroupId, cursor: InboxOrd) -> bool {
        self.open_turn(group).is_some() || self.engaging_after(group, cursor)
    }
}
