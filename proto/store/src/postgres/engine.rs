//! The engine: how much patience each call has. The statements live in their own files.

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
use tokio::time::timeout;

use super::migrate::{MIGRATIONS, migrate};
use super::pool::{Connections, Patience};
use super::{
    Config, ConnectError, Prepare, activity, begin, chats, claim, commands, commit, config, connect, dead_letters,
    deliveries, effects, fail, fence, firings, groups, inbox, indexing, leases, outbox, pairings, partitions, receipts,
    release, retention, runners, snapshots, task_runs, tasks, transcripts, turns, upkeep, waiting,
};
use crate::pairing::Asked;
use crate::{
    Appended, AuditEntry, Begun, ChatActivity, Counts, DeadLetter, GroupStanding, Noted, Removed, Result, RunnerRow,
    Store, TranscriptPart, TurnRecord, Undelivered, UsageTotal,
};

/// How long the start may take: longer than a migration that another process runs at the time.
const START_WITHIN: Duration = Duration::from_secs(120);

/// The rows in a Postgres database, shared by all processes of a fleet.
pub struct PostgresStore {
    connections: Connections,
}

impl PostgresStore {
    /// Connects, checks the server, and brings the schema up to date. `now` stamps migrations.
    ///
    /// # Errors
    /// [`ConnectError`] says what to do; [`ConnectError::may_pass`] tells whether waiting may help.
    pub async fn connect(config: &Config, now: Timestamp) -> Result<Self, ConnectError> {
        let mut connections = Connections::new(config, config::understand(config)?)?;
        let start = async {
            let tx = connections.first().await?;
            connect::check_server(&tx, &connections.server)
                .await
                .map_err(|failure| connect::classify_failure(&connections.server, failure))??;
            migrate(&tx, &connections.server, MIGRATIONS, now).await?;
            drop(tx);
            if config.prepare == Prepare::Auto {
                connections.prepare_if_safe(config).await?;
            }
            Ok::<_, ConnectError>(())
        };
        match timeout(START_WITHIN, start).await {
            Ok(started) => started?,
            Err(_) => {
                return Err(ConnectError::Unreachable {
                    server: connections.server,
                    reason: format!("no answer within {START_WITHIN:?}"),
                });
            }
        }
        Ok(Self { connections })
    }

    /// The server's wall clock. No decision here is taken by it; it tells whether this host's clock can be believed.
    ///
    /// # Errors
    /// As of every call.
    pub async fn server_time(&self) -> Result<Timestamp> {
        self.connections
            .call(Patience::Short, |tx| async move { upkeep::server_time(&tx).await })
            .await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn put_group(&self, group: &Group) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move { groups::put(&tx, group).await })
            .await
    }

    async fn group(&self, id: &GroupId) -> Result<Option<Group>> {
        self.connections
            .call(Patience::Usual, |tx| async move { groups::find(&tx, id).await })
            .await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.connections
            .call(Patience::Usual, |tx| async move { groups::all(&tx).await })
            .await
    }

    async fn remove_group(&self, id: &GroupId) -> Result<()> {
        self.connections
            .call(Patience::Long, |tx| async move { groups::remove(&tx, id).await })
            .await
    }

    async fn see_chat(&self, seen: &ChatSeen) -> Result<Chat> {
        self.connections
            .call(Patience::Usual, |tx| async move { chats::see(&tx, seen).await })
            .await
    }

    async fn register_chat(&self, chat: &ChatId, group: Option<&GroupId>) -> Result<()> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { chats::register(&tx, chat, group).await },
            )
            .await
    }

    async fn chat(&self, id: &ChatId) -> Result<Option<Chat>> {
        self.connections
            .call(Patience::Usual, |tx| async move { chats::find(&tx, id).await })
            .await
    }

    async fn chats(&self) -> Result<Vec<Chat>> {
        self.connections
            .call(Patience::Usual, |tx| async move { chats::all(&tx).await })
            .await
    }

    async fn append_inbox(&self, envelope: &Envelope, now: Timestamp) -> Result<Appended> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { inbox::append(&tx, envelope, now).await },
            )
            .await
    }

    async fn adopt_log(&self, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                partitions::adopt(&tx, identity, partitions).await
            })
            .await
    }

    async fn restart_log(&self, seen: &PartitionCursor) -> Result<Vec<PartitionCursor>> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { partitions::restart(&tx, seen).await },
            )
            .await
    }

    async fn partition_cursors(&self) -> Result<Vec<PartitionCursor>> {
        self.connections
            .call(Patience::Usual, |tx| async move { partitions::cursors(&tx).await })
            .await
    }

    async fn index_batch(&self, batch: &IndexBatch, now: Timestamp) -> Result<Indexed> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { indexing::index(&tx, batch, now).await },
            )
            .await
    }

    async fn lease(&self, name: &LeaseName) -> Result<LeaseRow> {
        self.connections
            .call(Patience::Short, |tx| async move { leases::look(&tx, name).await })
            .await
    }

    async fn take_lease(&self, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Result<Option<Epoch>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                leases::take(&tx, name, holder, seen).await
            })
            .await
    }

    async fn renew_lease(&self, hold: &Hold) -> Result<()> {
        self.connections
            .call(Patience::Short, |tx| async move { leases::renew(&tx, hold).await })
            .await
    }

    async fn release_lease(&self, hold: &Hold) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move { leases::release(&tx, hold).await })
            .await
    }

    async fn account_position(&self, channel: &str, account: &str) -> Result<Option<String>> {
        self.connections
            .call(Patience::Short, |tx| async move {
                leases::position(&tx, channel, account).await
            })
            .await
    }

    async fn save_position(&self, hold: &Hold, position: &str) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                leases::save_position(&tx, hold, position).await
            })
            .await
    }

    async fn register_runner(&self, runner: &RunnerId, slots: u32, now: Timestamp) -> Result<Incarnation> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                runners::register(&tx, runner, slots, now).await
            })
            .await
    }

    async fn heartbeat(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
        self.connections
            .call(Patience::Short, |tx| async move {
                runners::heartbeat(&tx, runner, incarnation).await
            })
            .await
    }

    async fn free_stale_groups(&self, runner: &RunnerId, current: Incarnation, now: Timestamp) -> Result<Vec<GroupId>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                runners::free_stale(&tx, runner, current, now).await
            })
            .await
    }

    async fn runners(&self) -> Result<Vec<RunnerRow>> {
        self.connections
            .call(Patience::Short, |tx| async move { runners::all(&tx).await })
            .await
    }

    async fn declare_dead(&self, seen: &RunnerRow, now: Timestamp) -> Result<Vec<GroupId>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                runners::declare_dead(&tx, seen, now).await
            })
            .await
    }

    async fn retire_runner(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                runners::retire(&tx, runner, incarnation).await
            })
            .await
    }

    async fn claim_groups(&self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        self.connections
            .call(Patience::Usual, |tx| async move { claim::claim(&tx, request).await })
            .await
    }

    async fn owned_groups(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<Fence>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                fence::owned(&tx, runner, incarnation).await
            })
            .await
    }

    async fn oldest_waiting(&self, now: Timestamp) -> Result<Option<Waiting>> {
        self.connections
            .call(Patience::Usual, |tx| async move { waiting::oldest(&tx, now).await })
            .await
    }

    async fn waiting_chats(
        &self,
        runner: &RunnerId,
        since: Timestamp,
        after: Option<&GroupId>,
        limit: u32,
    ) -> Result<Vec<(GroupId, ChatId)>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                waiting::chats(&tx, runner, since, after, limit).await
            })
            .await
    }

    async fn begin_turn(&self, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                begin::begin(&tx, fence, fresh, now).await
            })
            .await
    }

    async fn read_follow_ups(&self, fence: &Fence, after: InboxOrd) -> Result<Vec<InboxMessage>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                inbox::follow_ups(&tx, fence, after).await
            })
            .await
    }

    async fn mark_prompted(&self, fence: &Fence, turn: TurnId, through: InboxOrd, session: &SessionId) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                turns::mark_prompted(&tx, fence, turn, through, session).await
            })
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
        self.connections
            .call(Patience::Usual, |tx| async move {
                effects::record(&tx, fence, turn, effect, fresh, now).await
            })
            .await
    }

    async fn append_prompted(
        &self,
        fence: &Fence,
        part: &TranscriptPart,
        turn: TurnId,
        through: InboxOrd,
    ) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                transcripts::append_prompted(&tx, fence, part, turn, through).await
            })
            .await
    }

    async fn append_transcript(&self, fence: &Fence, part: &TranscriptPart) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                transcripts::append(&tx, fence, part).await
            })
            .await
    }

    async fn load_transcript(
        &self,
        group: &GroupId,
        session: &SessionId,
        subpath: Option<&str>,
    ) -> Result<Option<Vec<Value>>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                transcripts::load(&tx, group, session, subpath).await
            })
            .await
    }

    async fn snapshot(&self, group: &GroupId) -> Result<Option<SnapshotRef>> {
        self.connections
            .call(Patience::Usual, |tx| async move { snapshots::find(&tx, group).await })
            .await
    }

    async fn commit_turn(&self, fence: &Fence, commit: &TurnCommit, outbox_ids: &[OutboxId]) -> Result<Committed> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                commit::commit(&tx, fence, commit, outbox_ids).await
            })
            .await
    }

    async fn fail_turn(&self, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                fail::fail(&tx, fence, failure, notice_id).await
            })
            .await
    }

    async fn release_group(&self, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                release::release(&tx, fence, interrupted, now).await
            })
            .await
    }

    async fn turn(&self, turn: TurnId) -> Result<Option<TurnRecord>> {
        self.connections
            .call(Patience::Usual, |tx| async move { turns::find(&tx, turn).await })
            .await
    }

    async fn put_notice(&self, key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Result<Recorded> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                outbox::put_notice(&tx, key, reply, fresh, now).await
            })
            .await
    }

    async fn due_deliveries(&self, channel: &str, account: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                deliveries::due(&tx, channel, account, now, limit).await
            })
            .await
    }

    async fn begin_delivery(&self, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                deliveries::begin(&tx, hold, id, now).await
            })
            .await
    }

    async fn finish_delivery(
        &self,
        id: OutboxId,
        attempt: u32,
        after: &AfterSend,
        now: Timestamp,
    ) -> Result<Option<OutboxId>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                deliveries::finish(&tx, id, attempt, after, now).await
            })
            .await
    }

    async fn note_receipt(&self, receipt: &Receipt, now: Timestamp) -> Result<Noted> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { receipts::note(&tx, receipt, now).await },
            )
            .await
    }

    async fn receipt(&self, id: OutboxId) -> Result<Option<Receipt>> {
        self.connections
            .call(Patience::Usual, |tx| async move { receipts::newest(&tx, id).await })
            .await
    }

    async fn interrupted_deliveries(&self, channel: &str, account: &str) -> Result<Vec<Delivery>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                deliveries::interrupted(&tx, channel, account).await
            })
            .await
    }

    async fn deliveries_after(&self, chat: &ChatId, after_seq: i64, limit: u32) -> Result<Vec<Delivery>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                deliveries::after(&tx, chat, after_seq, limit).await
            })
            .await
    }

    async fn chat_activity(&self, chat: &ChatId) -> Result<ChatActivity> {
        self.connections
            .call(Patience::Usual, |tx| async move { activity::of_chat(&tx, chat).await })
            .await
    }

    async fn put_task(&self, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { tasks::put(&tx, task, fence, now).await },
            )
            .await
    }

    async fn task(&self, id: &TaskId) -> Result<Option<Task>> {
        self.connections
            .call(Patience::Usual, |tx| async move { tasks::find(&tx, id).await })
            .await
    }

    async fn tasks(&self, group: Option<&GroupId>) -> Result<Vec<Task>> {
        self.connections
            .call(Patience::Usual, |tx| async move { tasks::all(&tx, group).await })
            .await
    }

    async fn remove_task(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { tasks::remove(&tx, id, fence, now).await },
            )
            .await
    }

    async fn next_due_at(&self) -> Result<Option<Timestamp>> {
        self.connections
            .call(Patience::Usual, |tx| async move { tasks::next_due_at(&tx).await })
            .await
    }

    async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<Task>> {
        self.connections
            .call(Patience::Usual, |tx| async move { tasks::due(&tx, now, limit).await })
            .await
    }

    async fn fire_task(&self, fire: &FireTask, now: Timestamp) -> Result<Fired> {
        self.connections
            .call(Patience::Usual, |tx| async move { firings::fire(&tx, fire, now).await })
            .await
    }

    async fn run_task_now(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                firings::run_now(&tx, id, fence, now).await
            })
            .await
    }

    async fn task_runs(&self, of: &RunsOf, limit: u32) -> Result<Vec<TaskRun>> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { task_runs::newest(&tx, of, limit).await },
            )
            .await
    }

    async fn stop_turn(&self, group: &GroupId, now: Timestamp) -> Result<Option<Option<RunnerId>>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                commands::stop_turn(&tx, group, now).await
            })
            .await
    }

    async fn turns_to_stop(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<(GroupId, TurnId)>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                commands::turns_to_stop(&tx, runner, incarnation).await
            })
            .await
    }

    async fn group_standing(&self, group: &GroupId) -> Result<GroupStanding> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { commands::standing(&tx, group).await },
            )
            .await
    }

    async fn usage_since(&self, group: &GroupId, since: Timestamp) -> Result<UsageTotal> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                commands::usage_since(&tx, group, since).await
            })
            .await
    }

    async fn ask_pairing(&self, chat: &ChatId, fresh: &PairCode, notice_id: OutboxId, now: Timestamp) -> Result<Asked> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                pairings::ask(&tx, chat, fresh, notice_id, now).await
            })
            .await
    }

    async fn pairings(&self, now: Timestamp) -> Result<Vec<Pairing>> {
        self.connections
            .call(Patience::Usual, |tx| async move { pairings::all(&tx, now).await })
            .await
    }

    async fn end_pairing(&self, code: &PairCode, group: Option<&GroupId>, by: &str, now: Timestamp) -> Result<ChatId> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                pairings::end(&tx, code, group, by, now).await
            })
            .await
    }

    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { pairings::newest_audit(&tx, limit).await },
            )
            .await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        self.connections
            .call(
                Patience::Usual,
                |tx| async move { dead_letters::newest(&tx, limit).await },
            )
            .await
    }

    async fn undelivered(&self, limit: u32) -> Result<Vec<Undelivered>> {
        self.connections
            .call(Patience::Usual, |tx| async move {
                deliveries::undelivered(&tx, limit).await
            })
            .await
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts> {
        self.connections
            .call(Patience::Usual, |tx| async move { upkeep::counts(&tx, now).await })
            .await
    }

    async fn remove_old(&self, keep: Duration, limit: u32, now: Timestamp) -> Result<Removed> {
        self.connections
            .call(Patience::Long, |tx| async move {
                retention::remove_before(&tx, now - keep, limit).await
            })
            .await
    }

    async fn check(&self) -> Result<()> {
        self.connections
            .call(Patience::Short, |tx| async move { upkeep::check(&tx).await })
            .await
    }
}
