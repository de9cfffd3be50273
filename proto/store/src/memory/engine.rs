//! The engine: every call is one step under the lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use proto::claim::{ClaimRequest, Claimed, Fence, Waiting};
use proto::command::{PairCode, Pairing};
use proto::group::{Chat, ChatSeen, Group};
use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::{Envelope, InboxMessage};
use proto::ingest::{IndexBatch, Indexed, PartitionCursor};
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use proto::outbound::{AfterSend, Delivery, Receipt, Reply};
use proto::snapshot::SnapshotRef;
use proto::task::{FireReport, FireTask, Fired, RunsOf, Task, TaskId, TaskRun};
use proto::time::Timestamp;
use proto::turn::{Committed, Recorded, TurnCommit, TurnFailure};
use serde_json::Value;

use super::state::State;
use super::switches::Switch;
use crate::pairing::Asked;
use crate::{
    Appended, AuditEntry, Begun, ChatActivity, Counts, DeadLetter, GroupStanding, Noted, Removed, Result, RunnerRow,
    Store, TranscriptPart, TurnRecord, Undelivered, UsageTotal,
};

/// The rows in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that lacks one of its fences, for proving that it is needed; never in production.
    pub fn without(fence: Switch) -> Self {
        Self::without_all([fence])
    }

    /// An empty store that lacks several of its fences.
    pub fn without_all(fences: impl IntoIterator<Item = Switch>) -> Self {
        let store = Self::new();
        store.lock().missing.extend(fences);
        store
    }

    /// A lock that a panic left behind is taken all the same: the panic is a defect, reported where it happened, and
    /// must not be hidden by others that follow from it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_group(&self, group: &Group) -> Result<()> {
        self.lock().put_group(group);
        Ok(())
    }

    async fn group(&self, id: &GroupId) -> Result<Option<Group>> {
        Ok(self.lock().group(id).map(|row| row.group.clone()))
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        Ok(self.lock().registered_groups().cloned().collect())
    }

    async fn remove_group(&self, id: &GroupId) -> Result<()> {
        self.lock().remove_group(id)
    }

    async fn see_chat(&self, seen: &ChatSeen) -> Result<Chat> {
        Ok(self.lock().see_chat(seen))
    }

    async fn register_chat(&self, chat: &ChatId, group: Option<&GroupId>) -> Result<()> {
        self.lock().register_chat(chat, group)
    }

    async fn chat(&self, id: &ChatId) -> Result<Option<Chat>> {
        Ok(self.lock().chats.get(id).map(|row| row.chat.clone()))
    }

    async fn chats(&self) -> Result<Vec<Chat>> {
        Ok(self.lock().chats_by_last_seen())
    }

    async fn append_inbox(&self, envelope: &Envelope, now: Timestamp) -> Result<Appended> {
        self.lock().append(envelope, now)
    }

    async fn adopt_log(&self, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>> {
        self.lock().adopt_log(identity, partitions)
    }

    async fn restart_log(&self, seen: &PartitionCursor) -> Result<Vec<PartitionCursor>> {
        Ok(self.lock().restart_log(seen))
    }

    async fn partition_cursors(&self) -> Result<Vec<PartitionCursor>> {
        Ok(self.lock().partition_cursors())
    }

    async fn index_batch(&self, batch: &IndexBatch, now: Timestamp) -> Result<Indexed> {
        self.lock().index(batch, now)
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseRow> {
        Ok(self.lock().lease(name))
    }

    async fn take_lease(&self, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Result<Option<Epoch>> {
        Ok(self.lock().take_lease(name, holder, seen))
    }

    async fn renew_lease(&self, hold: &Hold) -> Result<()> {
        self.lock().renew_lease(hold)
    }

    async fn release_lease(&self, hold: &Hold) -> Result<()> {
        self.lock().release_lease(hold);
        Ok(())
    }

    async fn account_position(&self, channel: &str, account: &str) -> Result<Option<String>> {
        Ok(self.lock().position(channel, account))
    }

    async fn save_position(&self, hold: &Hold, position: &str) -> Result<()> {
        self.lock().save_position(hold, position)
    }

    async fn register_runner(&self, runner: &RunnerId, slots: u32, now: Timestamp) -> Result<Incarnation> {
        Ok(self.lock().register_runner(runner, slots, now))
    }

    async fn heartbeat(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
        self.lock().heartbeat(runner, incarnation)
    }

    async fn free_stale_groups(&self, runner: &RunnerId, current: Incarnation, now: Timestamp) -> Result<Vec<GroupId>> {
        Ok(self.lock().free_groups(runner, Incarnation(current.0 - 1), now))
    }

    async fn runners(&self) -> Result<Vec<RunnerRow>> {
        Ok(self.lock().runners())
    }

    async fn declare_dead(&self, seen: &RunnerRow, now: Timestamp) -> Result<Vec<GroupId>> {
        Ok(self.lock().declare_dead(seen, now))
    }

    async fn retire_runner(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
        self.lock().retire_runner(runner, incarnation);
        Ok(())
    }

    async fn claim_groups(&self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        self.lock().claim(request)
    }

    async fn owned_groups(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<Fence>> {
        Ok(self.lock().owned(runner, incarnation))
    }

    async fn oldest_waiting(&self, now: Timestamp) -> Result<Option<Waiting>> {
        Ok(self.lock().oldest_waiting(now))
    }

    async fn waiting_chats(
        &self,
        runner: &RunnerId,
        since: Timestamp,
        after: Option<&GroupId>,
        limit: u32,
    ) -> Result<Vec<(GroupId, ChatId)>> {
        Ok(self.lock().waiting_chats(runner, since, after, limit))
    }

    async fn begin_turn(&self, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun> {
        self.lock().begin(fence, fresh, now)
    }

    async fn read_follow_ups(&self, fence: &Fence, after: InboxOrd) -> Result<Vec<InboxMessage>> {
        self.lock().follow_ups(fence, after)
    }

    async fn mark_prompted(&self, fence: &Fence, turn: TurnId, through: InboxOrd, session: &SessionId) -> Result<()> {
        self.lock().mark_prompted(fence, turn, through, session)
    }

    async fn record_effect(
        &self,
        fence: &Fence,
        turn: TurnId,
        effect: &Reply,
        fresh: OutboxId,
        now: Timestamp,
    ) -> Result<Recorded> {
        self.lock().record_effect(fence, turn, effect, fresh, now)
    }

    async fn append_transcript(&self, fence: &Fence, part: &TranscriptPart) -> Result<()> {
        self.lock().append_transcript(fence, part)
    }

    async fn load_transcript(
        &self,
        group: &GroupId,
        session: &SessionId,
        subpath: Option<&str>,
    ) -> Result<Option<Vec<Value>>> {
        Ok(self.lock().load_transcript(group, session, subpath))
    }

    async fn snapshot(&self, group: &GroupId) -> Result<Option<SnapshotRef>> {
        Ok(self.lock().snapshots.get(group).cloned())
    }

    async fn commit_turn(&self, fence: &Fence, commit: &TurnCommit, outbox_ids: &[OutboxId]) -> Result<Committed> {
        self.lock().commit(fence, commit, outbox_ids)
    }

    async fn fail_turn(&self, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()> {
        self.lock().fail(fence, failure, notice_id)
    }

    async fn release_group(&self, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()> {
        self.lock().release(fence, interrupted, now)
    }

    async fn turn(&self, turn: TurnId) -> Result<Option<TurnRecord>> {
        Ok(self.lock().turn_record(turn))
    }

    async fn put_notice(&self, key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Result<Recorded> {
        self.lock().put_notice(key, reply, fresh, now)
    }

    async fn due_deliveries(&self, channel: &str, account: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
        Ok(self.lock().due(channel, account, now, limit))
    }

    async fn begin_delivery(&self, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>> {
        self.lock().begin_delivery(hold, id, now)
    }

    async fn finish_delivery(
        &self,
        id: OutboxId,
        attempt: u32,
        after: &AfterSend,
        now: Timestamp,
    ) -> Result<Option<OutboxId>> {
        self.lock().finish_delivery(id, attempt, after, now)
    }

    async fn note_receipt(&self, receipt: &Receipt, now: Timestamp) -> Result<Noted> {
        Ok(self.lock().note_receipt(receipt, now))
    }

    async fn receipt(&self, id: OutboxId) -> Result<Option<Receipt>> {
        Ok(self.lock().receipt(id))
    }

    async fn interrupted_deliveries(&self, channel: &str, account: &str) -> Result<Vec<Delivery>> {
        Ok(self.lock().interrupted(channel, account))
    }

    async fn deliveries_after(&self, chat: &ChatId, after_seq: i64, limit: u32) -> Result<Vec<Delivery>> {
        Ok(self.lock().deliveries_after(chat, after_seq, limit))
    }

    async fn chat_activity(&self, chat: &ChatId) -> Result<ChatActivity> {
        Ok(self.lock().activity(chat))
    }

    async fn put_task(&self, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>> {
        self.lock().put_task(task, fence, now)
    }

    async fn task(&self, id: &TaskId) -> Result<Option<Task>> {
        Ok(self.lock().tasks.get(id).map(|row| row.task.clone()))
    }

    async fn tasks(&self, group: Option<&GroupId>) -> Result<Vec<Task>> {
        Ok(self.lock().tasks_of(group))
    }

    async fn remove_task(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()> {
        self.lock().remove_task(id, fence, now)
    }

    async fn next_due_at(&self) -> Result<Option<Timestamp>> {
        Ok(self.lock().next_due_at())
    }

    async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<Task>> {
        Ok(self.lock().due_tasks(now, limit))
    }

    async fn fire_task(&self, fire: &FireTask, now: Timestamp) -> Result<Fired> {
        self.lock().fire(fire, now)
    }

    async fn run_task_now(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport> {
        self.lock().run_now(id, fence, now)
    }

    async fn task_runs(&self, of: &RunsOf, limit: u32) -> Result<Vec<TaskRun>> {
        Ok(self.lock().newest_runs(of, limit))
    }

    async fn stop_turn(&self, group: &GroupId, now: Timestamp) -> Result<Option<Option<RunnerId>>> {
        Ok(self.lock().stop_turn(group, now))
    }

    async fn turns_to_stop(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<(GroupId, TurnId)>> {
        Ok(self.lock().turns_to_stop(runner, incarnation))
    }

    async fn group_standing(&self, group: &GroupId) -> Result<GroupStanding> {
        self.lock().standing(group)
    }

    async fn usage_since(&self, group: &GroupId, since: Timestamp) -> Result<UsageTotal> {
        Ok(self.lock().usage_since(group, since))
    }

    async fn ask_pairing(&self, chat: &ChatId, fresh: &PairCode, notice_id: OutboxId, now: Timestamp) -> Result<Asked> {
        self.lock().ask_pairing(chat, fresh, notice_id, now)
    }

    async fn pairings(&self, now: Timestamp) -> Result<Vec<Pairing>> {
        Ok(self.lock().open_pairings(now))
    }

    async fn end_pairing(&self, code: &PairCode, group: Option<&GroupId>, by: &str, now: Timestamp) -> Result<ChatId> {
        self.lock().end_pairing(code, group, by, now)
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        Ok(self.lock().newest_audit(limit))
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        Ok(self.lock().newest_dead_letters(limit))
    }

    async fn undelivered(&self, limit: u32) -> Result<Vec<Undelivered>> {
        Ok(self.lock().undelivered(limit))
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts> {
        Ok(self.lock().counts(now))
    }

    async fn remove_old(&self, keep: Duration, limit: u32, now: Timestamp) -> Result<Removed> {
        Ok(self.lock().remove_before(now - keep, limit))
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}
