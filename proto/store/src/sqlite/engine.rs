//! The engine: which call is a write, which a read. The statements live in their own files.

use std::path::Path;
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

use super::lock::FileLock;
use super::migrate::{MIGRATIONS, migrate};
use super::open::open_writer;
use super::readers::Readers;
use super::writer::Writer;
use super::{
    OpenError, activity, audit, begin, chats, claim, commands, commit, dead_letters, deliveries, effects, fail, fence,
    firings, groups, inbox, index, leases, outbox, pairings, partitions, receipts, release, retention, runners,
    snapshots, task_runs, tasks, transcripts, turns, upkeep, waiting,
};
use crate::pairing::Asked;
use crate::{
    Appended, AuditEntry, Begun, ChatActivity, Counts, DeadLetter, GroupStanding, Noted, Removed, Result, RunnerRow,
    Store, TranscriptPart, TurnRecord, Undelivered, UsageTotal,
};

/// The rows in one SQLite file, used by one process.
pub struct SqliteStore {
    // Closed before the writer: the last connection to close moves the log into the database.
    readers: Readers,
    writer: Writer,
}

impl SqliteStore {
    /// Opens or creates the file at `path`, whose directory must exist, and brings its schema up to date. Blocks.
    ///
    /// `now` stamps migrations.
    ///
    /// # Errors
    /// [`OpenError`] says what to do: another process uses the file, it cannot be accessed, is no database, or was
    /// written by a newer version.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let lock = FileLock::take(path)?;
        let mut conn = open_writer(path)?;
        migrate(&mut conn, path, MIGRATIONS, now)?;
        let readers = Readers::open(path)?;
        let writer = Writer::start(conn, lock)?;
        Ok(Self { readers, writer })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn put_group(&self, group: &Group) -> Result<()> {
        let group = group.clone();
        self.writer.run(move |tx| groups::put(tx, &group)).await
    }

    async fn group(&self, id: &GroupId) -> Result<Option<Group>> {
        let id = id.clone();
        self.readers.run(move |tx| groups::get(tx, &id)).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.readers.run(groups::all).await
    }

    async fn remove_group(&self, id: &GroupId) -> Result<()> {
        let id = id.clone();
        self.writer.run(move |tx| groups::remove(tx, &id)).await
    }

    async fn see_chat(&self, seen: &ChatSeen) -> Result<Chat> {
        let seen = seen.clone();
        self.writer.run(move |tx| chats::see(tx, &seen)).await
    }

    async fn register_chat(&self, chat: &ChatId, group: Option<&GroupId>) -> Result<()> {
        let (chat, group) = (chat.clone(), group.cloned());
        self.writer
            .run(move |tx| chats::register(tx, &chat, group.as_ref()))
            .await
    }

    async fn chat(&self, id: &ChatId) -> Result<Option<Chat>> {
        let id = id.clone();
        self.readers.run(move |tx| chats::get(tx, &id)).await
    }

    async fn chats(&self) -> Result<Vec<Chat>> {
        self.readers.run(chats::all).await
    }

    async fn append_inbox(&self, envelope: &Envelope, now: Timestamp) -> Result<Appended> {
        let envelope = envelope.clone();
        self.writer.run(move |tx| inbox::append(tx, &envelope, now)).await
    }

    async fn adopt_log(&self, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>> {
        let identity = identity.to_owned();
        self.writer
            .run(move |tx| partitions::adopt(tx, &identity, partitions))
            .await
    }

    async fn restart_log(&self, seen: &PartitionCursor) -> Result<Vec<PartitionCursor>> {
        let seen = *seen;
        self.writer.run(move |tx| partitions::restart(tx, &seen)).await
    }

    async fn partition_cursors(&self) -> Result<Vec<PartitionCursor>> {
        self.readers.run(partitions::all).await
    }

    async fn index_batch(&self, batch: &IndexBatch, now: Timestamp) -> Result<Indexed> {
        let batch = batch.clone();
        self.writer.run(move |tx| index::index(tx, &batch, now)).await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseRow> {
        let name = name.clone();
        self.readers.run(move |tx| leases::get(tx, &name)).await
    }

    async fn take_lease(&self, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Result<Option<Epoch>> {
        let (name, holder, seen) = (name.clone(), holder.to_owned(), seen.clone());
        self.writer.run(move |tx| leases::take(tx, &name, &holder, &seen)).await
    }

    async fn renew_lease(&self, hold: &Hold) -> Result<()> {
        let hold = hold.clone();
        self.writer.run(move |tx| leases::renew(tx, &hold)).await
    }

    async fn release_lease(&self, hold: &Hold) -> Result<()> {
        let hold = hold.clone();
        self.writer.run(move |tx| leases::release(tx, &hold)).await
    }

    async fn account_position(&self, channel: &str, account: &str) -> Result<Option<String>> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        self.readers
            .run(move |tx| leases::position(tx, &channel, &account))
            .await
    }

    async fn save_position(&self, hold: &Hold, position: &str) -> Result<()> {
        let (hold, position) = (hold.clone(), position.to_owned());
        self.writer
            .run(move |tx| leases::save_position(tx, &hold, &position))
            .await
    }

    async fn register_runner(&self, runner: &RunnerId, slots: u32, now: Timestamp) -> Result<Incarnation> {
        let runner = runner.clone();
        self.writer
            .run(move |tx| runners::register(tx, &runner, slots, now))
            .await
    }

    async fn heartbeat(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
        let runner = runner.clone();
        self.writer
            .run(move |tx| runners::heartbeat(tx, &runner, incarnation))
            .await
    }

    async fn free_stale_groups(&self, runner: &RunnerId, current: Incarnation, now: Timestamp) -> Result<Vec<GroupId>> {
        let runner = runner.clone();
        self.writer
            .run(move |tx| runners::free_stale(tx, &runner, current, now))
            .await
    }

    async fn runners(&self) -> Result<Vec<RunnerRow>> {
        self.readers.run(runners::all).await
    }

    async fn declare_dead(&self, seen: &RunnerRow, now: Timestamp) -> Result<Vec<GroupId>> {
        let seen = seen.clone();
        self.writer.run(move |tx| runners::declare_dead(tx, &seen, now)).await
    }

    async fn retire_runner(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
        let runner = runner.clone();
        self.writer
            .run(move |tx| runners::retire(tx, &runner, incarnation))
            .await
    }

    async fn claim_groups(&self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        let request = request.clone();
        self.writer.run(move |tx| claim::claim(tx, &request)).await
    }

    async fn owned_groups(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<Fence>> {
        let runner = runner.clone();
        self.readers.run(move |tx| fence::owned(tx, &runner, incarnation)).await
    }

    async fn oldest_waiting(&self, now: Timestamp) -> Result<Option<Waiting>> {
        self.readers.run(move |tx| waiting::oldest(tx, now)).await
    }

    async fn waiting_chats(
        &self,
        runner: &RunnerId,
        since: Timestamp,
        after: Option<&GroupId>,
        limit: u32,
    ) -> Result<Vec<(GroupId, ChatId)>> {
        let (runner, after) = (runner.clone(), after.cloned());
        self.readers
            .run(move |tx| waiting::chats(tx, &runner, since, after.as_ref(), limit))
            .await
    }

    async fn begin_turn(&self, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun> {
        let fence = fence.clone();
        self.writer.run(move |tx| begin::begin(tx, &fence, fresh, now)).await
    }

    async fn read_follow_ups(&self, fence: &Fence, after: InboxOrd) -> Result<Vec<InboxMessage>> {
        let fence = fence.clone();
        self.readers.run(move |tx| inbox::follow_ups(tx, &fence, after)).await
    }

    async fn mark_prompted(&self, fence: &Fence, turn: TurnId, through: InboxOrd, session: &SessionId) -> Result<()> {
        let (fence, session) = (fence.clone(), session.clone());
        self.writer
            .run(move |tx| turns::mark_prompted(tx, &fence, turn, through, &session))
            .await
    }

    async fn record_effect(
        &self,
        fence: &Fence,
        turn: TurnId,
        effect: &Reply,
        fresh: OutboxId,
        now: Timestamp,
    ) -> Result<Recorded> {
        let (fence, effect) = (fence.clone(), effect.clone());
        self.writer
            .run(move |tx| effects::record(tx, &fence, turn, &effect, fresh, now))
            .await
    }

    async fn append_transcript(&self, fence: &Fence, part: &TranscriptPart) -> Result<()> {
        let (fence, part) = (fence.clone(), part.clone());
        self.writer.run(move |tx| transcripts::append(tx, &fence, &part)).await
    }

    async fn load_transcript(
        &self,
        group: &GroupId,
        session: &SessionId,
        subpath: Option<&str>,
    ) -> Result<Option<Vec<Value>>> {
        let (group, session, subpath) = (group.clone(), session.clone(), subpath.map(str::to_owned));
        self.readers
            .run(move |tx| transcripts::load(tx, &group, &session, subpath.as_deref()))
            .await
    }

    async fn snapshot(&self, group: &GroupId) -> Result<Option<SnapshotRef>> {
        let group = group.clone();
        self.readers.run(move |tx| snapshots::get(tx, &group)).await
    }

    async fn commit_turn(&self, fence: &Fence, commit: &TurnCommit, outbox_ids: &[OutboxId]) -> Result<Committed> {
        let (fence, commit, outbox_ids) = (fence.clone(), commit.clone(), outbox_ids.to_vec());
        self.writer
            .run(move |tx| commit::commit(tx, &fence, &commit, &outbox_ids))
            .await
    }

    async fn fail_turn(&self, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()> {
        let (fence, failure) = (fence.clone(), failure.clone());
        self.writer
            .run(move |tx| fail::fail(tx, &fence, &failure, notice_id))
            .await
    }

    async fn release_group(&self, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()> {
        let fence = fence.clone();
        self.writer
            .run(move |tx| release::release(tx, &fence, interrupted, now))
            .await
    }

    async fn turn(&self, turn: TurnId) -> Result<Option<TurnRecord>> {
        self.readers.run(move |tx| turns::get(tx, turn)).await
    }

    async fn put_notice(&self, key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Result<Recorded> {
        let (key, reply) = (key.to_owned(), reply.clone());
        self.writer
            .run(move |tx| outbox::put_notice(tx, &key, &reply, fresh, now))
            .await
    }

    async fn due_deliveries(&self, channel: &str, account: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        self.readers
            .run(move |tx| deliveries::due(tx, &channel, &account, now, limit))
            .await
    }

    async fn begin_delivery(&self, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>> {
        let hold = hold.clone();
        self.writer.run(move |tx| deliveries::begin(tx, &hold, id, now)).await
    }

    async fn finish_delivery(
        &self,
        id: OutboxId,
        attempt: u32,
        after: &AfterSend,
        now: Timestamp,
    ) -> Result<Option<OutboxId>> {
        let after = after.clone();
        self.writer
            .run(move |tx| deliveries::finish(tx, id, attempt, &after, now))
            .await
    }

    async fn note_receipt(&self, receipt: &Receipt, now: Timestamp) -> Result<Noted> {
        let receipt = receipt.clone();
        self.writer.run(move |tx| receipts::note(tx, &receipt, now)).await
    }

    async fn receipt(&self, id: OutboxId) -> Result<Option<Receipt>> {
        self.readers.run(move |tx| receipts::newest(tx, id)).await
    }

    async fn interrupted_deliveries(&self, channel: &str, account: &str) -> Result<Vec<Delivery>> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        self.readers
            .run(move |tx| deliveries::interrupted(tx, &channel, &account))
            .await
    }

    async fn deliveries_after(&self, chat: &ChatId, after_seq: i64, limit: u32) -> Result<Vec<Delivery>> {
        let chat = chat.clone();
        self.readers
            .run(move |tx| deliveries::after(tx, &chat, after_seq, limit))
            .await
    }

    async fn chat_activity(&self, chat: &ChatId) -> Result<ChatActivity> {
        let chat = chat.clone();
        self.readers.run(move |tx| activity::of_chat(tx, &chat)).await
    }

    async fn put_task(&self, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>> {
        let (task, fence) = (task.clone(), fence.cloned());
        self.writer
            .run(move |tx| tasks::put(tx, &task, fence.as_ref(), now))
            .await
    }

    async fn task(&self, id: &TaskId) -> Result<Option<Task>> {
        let id = id.clone();
        self.readers.run(move |tx| tasks::get(tx, &id)).await
    }

    async fn tasks(&self, group: Option<&GroupId>) -> Result<Vec<Task>> {
        let group = group.cloned();
        self.readers.run(move |tx| tasks::all(tx, group.as_ref())).await
    }

    async fn remove_task(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()> {
        let (id, fence) = (id.clone(), fence.cloned());
        self.writer
            .run(move |tx| tasks::remove(tx, &id, fence.as_ref(), now))
            .await
    }

    async fn next_due_at(&self) -> Result<Option<Timestamp>> {
        self.readers.run(tasks::next_due_at).await
    }

    async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<Task>> {
        self.readers.run(move |tx| tasks::due(tx, now, limit)).await
    }

    async fn fire_task(&self, fire: &FireTask, now: Timestamp) -> Result<Fired> {
        let fire = fire.clone();
        self.writer.run(move |tx| firings::fire(tx, &fire, now)).await
    }

    async fn run_task_now(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport> {
        let (id, fence) = (id.clone(), fence.cloned());
        self.writer
            .run(move |tx| firings::run_now(tx, &id, fence.as_ref(), now))
            .await
    }

    async fn task_runs(&self, of: &RunsOf, limit: u32) -> Result<Vec<TaskRun>> {
        let of = of.clone();
        self.readers.run(move |tx| task_runs::newest(tx, &of, limit)).await
    }

    async fn stop_turn(&self, group: &GroupId, now: Timestamp) -> Result<Option<Option<RunnerId>>> {
        let group = group.clone();
        self.writer.run(move |tx| commands::stop_turn(tx, &group, now)).await
    }

    async fn turns_to_stop(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<(GroupId, TurnId)>> {
        let runner = runner.clone();
        self.readers
            .run(move |tx| commands::turns_to_stop(tx, &runner, incarnation))
            .await
    }

    async fn group_standing(&self, group: &GroupId) -> Result<GroupStanding> {
        let group = group.clone();
        self.readers.run(move |tx| commands::standing(tx, &group)).await
    }

    async fn usage_since(&self, group: &GroupId, since: Timestamp) -> Result<UsageTotal> {
        let group = group.clone();
        self.readers
            .run(move |tx| commands::usage_since(tx, &group, since))
            .await
    }

    async fn ask_pairing(&self, chat: &ChatId, fresh: &PairCode, notice_id: OutboxId, now: Timestamp) -> Result<Asked> {
        let (chat, fresh) = (chat.clone(), fresh.clone());
        self.writer
            .run(move |tx| pairings::ask(tx, &chat, &fresh, notice_id, now))
            .await
    }

    async fn pairings(&self, now: Timestamp) -> Result<Vec<Pairing>> {
        self.readers.run(move |tx| pairings::all(tx, now)).await
    }

    async fn end_pairing(&self, code: &PairCode, group: Option<&GroupId>, by: &str, now: Timestamp) -> Result<ChatId> {
        let (code, group, by) = (code.clone(), group.cloned(), by.to_owned());
        self.writer
            .run(move |tx| pairings::end(tx, &code, group.as_ref(), &by, now))
            .await
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.readers.run(move |tx| audit::newest(tx, limit)).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        self.readers.run(move |tx| dead_letters::newest(tx, limit)).await
    }

    async fn undelivered(&self, limit: u32) -> Result<Vec<Undelivered>> {
        self.readers.run(move |tx| deliveries::undelivered(tx, limit)).await
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts> {
        self.readers.run(move |tx| upkeep::counts(tx, now)).await
    }

    async fn remove_old(&self, keep: Duration, limit: u32, now: Timestamp) -> Result<Removed> {
        self.writer
            .run(move |tx| retention::remove_before(tx, now - keep, limit))
            .await
    }

    async fn check(&self) -> Result<()> {
        self.writer.run(upkeep::check).await
    }
}
