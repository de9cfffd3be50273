//! A store that fails when told, around one that does not: for tests of what must go on, or stop, while it is away.

use std::sync::Arc;
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
use tokio::sync::watch;

use crate::pairing::Asked;
use crate::{
    Appended, AuditEntry, Begun, ChatActivity, Counts, DeadLetter, Error, GroupStanding, Noted, Removed, Result,
    RunnerRow, Store, TranscriptPart, TurnRecord, Undelivered, UsageTotal,
};

/// How a store behaves towards its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// As it should.
    Answers,
    /// Every call fails at once, without effect.
    Refuses,
    /// No call is answered before the manners change; then it is made.
    IsSilent,
    /// Every call takes effect, and its answer is lost.
    LosesAnswers,
}

/// A store that fails when told.
pub struct Outage {
    inner: Arc<dyn Store>,
    manners: watch::Sender<Manners>,
}

/// The failure of a store that was told to fail.
#[derive(Debug, thiserror::Error)]
#[error("an outage was ordered")]
struct Ordered;

impl Outage {
    /// Around this store, which answers until told otherwise.
    pub fn around(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            manners: watch::Sender::new(Manners::Answers),
        }
    }

    /// From now on.
    pub fn set(&self, manners: Manners) {
        self.manners.send_replace(manners);
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let ordered = || Err(Error::Unavailable(Box::new(Ordered)));
        let speaks = |manners: &Manners| *manners != Manners::IsSilent;
        let manners = *self
            .manners
            .subscribe()
            .wait_for(speaks)
            .await
            .expect("the sender is in self");
        match manners {
            Manners::Refuses => ordered(),
            Manners::LosesAnswers => call.await.and_then(|_| ordered()),
            Manners::Answers | Manners::IsSilent => call.await,
        }
    }
}

macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Outage {
            $(
                async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                    self.call(self.inner.$name($($argument),*)).await
                }
            )*
        }
    };
}

forward! {
    put_group(group: &Group) -> ();
    group(id: &GroupId) -> Option<Group>;
    groups() -> Vec<Group>;
    remove_group(id: &GroupId) -> ();
    see_chat(seen: &ChatSeen) -> Chat;
    register_chat(chat: &ChatId, group: Option<&GroupId>) -> ();
    chat(id: &ChatId) -> Option<Chat>;
    chats() -> Vec<Chat>;
    append_inbox(envelope: &Envelope, now: Timestamp) -> Appended;
    adopt_log(identity: &str, partitions: u32) -> Vec<PartitionCursor>;
    restart_log(seen: &PartitionCursor) -> Vec<PartitionCursor>;
    partition_cursors() -> Vec<PartitionCursor>;
    index_batch(batch: &IndexBatch, now: Timestamp) -> Indexed;
    lease(name: &LeaseName) -> LeaseRow;
    take_lease(name: &LeaseName, holder: &str, seen: &LeaseRow) -> Option<Epoch>;
    renew_lease(hold: &Hold) -> ();
    release_lease(hold: &Hold) -> ();
    account_position(channel: &str, account: &str) -> Option<String>;
    save_position(hold: &Hold, position: &str) -> ();
    register_runner(runner: &RunnerId, slots: u32, now: Timestamp) -> Incarnation;
    heartbeat(runner: &RunnerId, incarnation: Incarnation) -> ();
    free_stale_groups(runner: &RunnerId, current: Incarnation, now: Timestamp) -> Vec<GroupId>;
    runners() -> Vec<RunnerRow>;
    declare_dead(seen: &RunnerRow, now: Timestamp) -> Vec<GroupId>;
    retire_runner(runner: &RunnerId, incarnation: Incarnation) -> ();
    claim_groups(request: &ClaimRequest) -> Vec<Claimed>;
    owned_groups(runner: &RunnerId, incarnation: Incarnation) -> Vec<Fence>;
    oldest_waiting(now: Timestamp) -> Option<Waiting>;
    waiting_chats(runner: &RunnerId, since: Timestamp, after: Option<&GroupId>, limit: u32) -> Vec<(GroupId, ChatId)>;
    begin_turn(fence: &Fence, fresh: TurnId, now: Timestamp) -> Begun;
    read_follow_ups(fence: &Fence, after: InboxOrd) -> Vec<InboxMessage>;
    mark_prompted(fence: &Fence, turn: TurnId, through: InboxOrd, session: &SessionId) -> ();
    record_effect(fence: &Fence, turn: TurnId, effect: &Reply, fresh: OutboxId, now: Timestamp) -> Recorded;
    append_transcript(fence: &Fence, part: &TranscriptPart) -> ();
    load_transcript(group: &GroupId, session: &SessionId, subpath: Option<&str>) -> Option<Vec<Value>>;
    snapshot(group: &GroupId) -> Option<SnapshotRef>;
    commit_turn(fence: &Fence, commit: &TurnCommit, outbox_ids: &[OutboxId]) -> Committed;
    fail_turn(fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> ();
    release_group(fence: &Fence, interrupted: bool, now: Timestamp) -> ();
    turn(turn: TurnId) -> Option<TurnRecord>;
    put_notice(key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Recorded;
    due_deliveries(channel: &str, account: &str, now: Timestamp, limit: u32) -> Vec<Delivery>;
    begin_delivery(hold: &Hold, id: OutboxId, now: Timestamp) -> Option<Delivery>;
    finish_delivery(id: OutboxId, attempt: u32, after: &AfterSend, now: Timestamp) -> Option<OutboxId>;
    note_receipt(receipt: &Receipt, now: Timestamp) -> Noted;
    receipt(id: OutboxId) -> Option<Receipt>;
    interrupted_deliveries(channel: &str, account: &str) -> Vec<Delivery>;
    deliveries_after(chat: &ChatId, after_seq: i64, limit: u32) -> Vec<Delivery>;
    chat_activity(chat: &ChatId) -> ChatActivity;
    put_task(task: &Task, fence: Option<&Fence>, now: Timestamp) -> Option<Task>;
    task(id: &TaskId) -> Option<Task>;
    tasks(group: Option<&GroupId>) -> Vec<Task>;
    remove_task(id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> ();
    next_due_at() -> Option<Timestamp>;
    due_tasks(now: Timestamp, limit: u32) -> Vec<Task>;
    fire_task(fire: &FireTask, now: Timestamp) -> Fired;
    run_task_now(id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> FireReport;
    task_runs(of: &RunsOf, limit: u32) -> Vec<TaskRun>;
    stop_turn(group: &GroupId, now: Timestamp) -> Option<Option<RunnerId>>;
    turns_to_stop(runner: &RunnerId, incarnation: Incarnation) -> Vec<(GroupId, TurnId)>;
    group_standing(group: &GroupId) -> GroupStanding;
    usage_since(group: &GroupId, since: Timestamp) -> UsageTotal;
    ask_pairing(chat: &ChatId, fresh: &PairCode, notice_id: OutboxId, now: Timestamp) -> Asked;
    pairings(now: Timestamp) -> Vec<Pairing>;
    end_pairing(code: &PairCode, group: Option<&GroupId>, by: &str, now: Timestamp) -> ChatId;
    audit(limit: u32) -> Vec<AuditEntry>;
    dead_letters(limit: u32) -> Vec<DeadLetter>;
    undelivered(limit: u32) -> Vec<Undelivered>;
    counts(now: Timestamp) -> Counts;
    remove_old(keep: Duration, limit: u32, now: Timestamp) -> Removed;
    check() -> ();
}
