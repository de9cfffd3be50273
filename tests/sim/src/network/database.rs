//! The rows, over the network: every call is a request of its own, carried out by the real in-memory engine when it arrives.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use proto::claim::{ClaimRequest, Claimed, Fence, Waiting};
use proto::group::{Chat, Group};
use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::InboxMessage;
use proto::ingest::{IndexBatch, Indexed, PartitionCursor};
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use proto::outbound::{AfterSend, Delivery, Reply};
use proto::task::{FireReport, FireTask, Fired, Task, TaskId};
use proto::time::Timestamp;
use proto::turn::{Committed, Recorded, TurnCommit, TurnFailure};
use store::memory::MemoryStore;
use store::{Begun, Error, Result, RunnerRow, Store, TranscriptPart};

use super::{Network, NoAnswer, Service};
use crate::exec::Process;
use crate::witness::Witness;

/// How long a client of the database waits before it calls an answer lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database's server.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) network: Rc<Network>,
    pub(crate) engine: Arc<MemoryStore>,
    pub(crate) witness: Rc<dyn Witness>,
}

/// The rows as one process reaches them.
#[derive(Clone)]
pub(crate) struct Rows {
    database: Database,
    me: Process,
}

#[derive(Debug)]
struct Away(NoAnswer);

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the database gave no answer: {:?}", self.0)
    }
}

impl std::error::Error for Away {}

impl Database {
    pub(crate) fn rows_for(&self, me: &Process) -> Rows {
        Rows {
            database: self.clone(),
            me: me.clone(),
        }
    }
}

/// Carries a call out at once: the in-memory engine never waits.
pub(crate) fn at_once<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never()
        .expect("a call of the in-memory engine completes at once")
}

impl Rows {
    async fn ask<T: 'static>(
        &self,
        call: impl FnOnce(Arc<MemoryStore>) -> BoxFuture<'static, Result<T>> + 'static,
    ) -> Result<T> {
        self.ask_watched(call, |_, _, _| {}).await
    }

    /// As `ask`; what was carried out is shown to the witness.
    async fn ask_watched<T: 'static>(
        &self,
        call: impl FnOnce(Arc<MemoryStore>) -> BoxFuture<'static, Result<T>> + 'static,
        show: impl FnOnce(&dyn Witness, &MemoryStore, &T) + 'static,
    ) -> Result<T> {
        let engine = Arc::clone(&self.database.engine);
        let witness = Rc::clone(&self.database.witness);
        let serve = move || {
            let done = at_once(call(Arc::clone(&engine)));
            if let Ok(done) = &done {
                show(&*witness, &engine, done);
            }
            done
        };
        let answer = self
            .database
            .network
            .ask(&self.me, Service::Store, PATIENCE, serve)
            .await;
        answer.unwrap_or_else(|none| Err(Error::Unavailable(Box::new(Away(none)))))
    }
}

/// The calls that the actors make, with the names and meanings of [`Store`]. In brackets: what is only lent by the caller, and
/// must be kept because a request outlives its sender.
macro_rules! calls {
    ($($name:ident ( $($argument:ident : $type:ty),* ) -> $answer:ty = [$($lent:ident),*] ( $($passed:expr),* );)*) => {
        impl Rows {
            $(pub(crate) async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                $(let $lent = $lent.to_owned();)*
                self.ask(move |engine| async move { engine.$name($($passed),*).await }.boxed()).await
            })*
        }
    };
}

calls! {
    group(id: &GroupId) -> Option<Group> = [id](&id);
    chat(id: &ChatId) -> Option<Chat> = [id](&id);

    adopt_log(identity: &str, partitions: u32) -> Vec<PartitionCursor> = [identity](&identity, partitions);
    restart_log(seen: &PartitionCursor) -> Vec<PartitionCursor> = [seen](&seen);
    index_batch(batch: &IndexBatch, now: Timestamp) -> Indexed = [batch](&batch, now);

    lease(name: &LeaseName) -> LeaseRow = [name](&name);
    take_lease(name: &LeaseName, holder: &str, seen: &LeaseRow) -> Option<Epoch> = [name, holder, seen](&name, &holder, &seen);
    renew_lease(hold: &Hold) -> () = [hold](&hold);
    release_lease(hold: &Hold) -> () = [hold](&hold);

    register_runner(runner: &RunnerId, slots: u32, now: Timestamp) -> Incarnation = [runner](&runner, slots, now);
    heartbeat(runner: &RunnerId, incarnation: Incarnation) -> () = [runner](&runner, incarnation);
    free_stale_groups(runner: &RunnerId, current: Incarnation, now: Timestamp) -> Vec<GroupId> = [runner](&runner, current, now);
    runners() -> Vec<RunnerRow> = []();
    declare_dead(seen: &RunnerRow, now: Timestamp) -> Vec<GroupId> = [seen](&seen, now);
    retire_runner(runner: &RunnerId, incarnation: Incarnation) -> () = [runner](&runner, incarnation);

    claim_groups(request: &ClaimRequest) -> Vec<Claimed> = [request](&request);
    owned_groups(runner: &RunnerId, incarnation: Incarnation) -> Vec<Fence> = [runner](&runner, incarnation);
    oldest_waiting(now: Timestamp) -> Option<Waiting> = [](now);
    begin_turn(fence: &Fence, fresh: TurnId, now: Timestamp) -> Begun = [fence](&fence, fresh, now);
    read_follow_ups(fence: &Fence, after: InboxOrd) -> Vec<InboxMessage> = [fence](&fence, after);
    mark_prompted(fence: &Fence, turn: TurnId, through: InboxOrd, session: &SessionId) -> () = [fence, session](&fence, turn, through, &session);
    record_effect(fence: &Fence, turn: TurnId, effect: &Reply, fresh: OutboxId, now: Timestamp) -> Recorded = [fence, effect](&fence, turn, &effect, fresh, now);
    append_transcript(fence: &Fence, part: &TranscriptPart) -> () = [fence, part](&fence, &part);
    fail_turn(fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> () = [fence, failure](&fence, &failure, notice_id);
    release_group(fence: &Fence, interrupted: bool, now: Timestamp) -> () = [fence](&fence, interrupted, now);

    due_deliveries(channel: &str, account: &str, now: Timestamp, limit: u32) -> Vec<Delivery> = [channel, account](&channel, &account, now, limit);
    begin_delivery(hold: &Hold, id: OutboxId, now: Timestamp) -> Option<Delivery> = [hold](&hold, id, now);
    finish_delivery(id: OutboxId, attempt: u32, after: &AfterSend, now: Timestamp) -> Option<OutboxId> = [after](id, attempt, &after, now);
    interrupted_deliveries(channel: &str, account: &str) -> Vec<Delivery> = [channel, account](&channel, &account);

    waiting_chats(runner: &RunnerId, since: Timestamp, limit: u32) -> Vec<(GroupId, ChatId)> = [runner](&runner, since, None, limit);
    put_notice(key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Recorded = [key, reply](&key, &reply, fresh, now);

    task(id: &TaskId) -> Option<Task> = [id](&id);
    next_due_at() -> Option<Timestamp> = []();
    due_tasks(now: Timestamp, limit: u32) -> Vec<Task> = [](now, limit);
    run_task_now(id: &TaskId, now: Timestamp) -> FireReport = [id](&id, None, now);
}

/// Those that a witness sees carried out.
impl Rows {
    pub(crate) async fn commit_turn(&self, fence: &Fence, commit: &TurnCommit, ids: &[OutboxId]) -> Result<Committed> {
        let (fence, commit, ids) = (fence.clone(), commit.clone(), ids.to_vec());
        let seen = (fence.clone(), commit.clone());
        self.ask_watched(
            move |engine| async move { engine.commit_turn(&fence, &commit, &ids).await }.boxed(),
            move |witness, _, committed| {
                if matches!(committed, Committed::Now { .. }) {
                    witness.committed(&seen.0, &seen.1);
                }
            },
        )
        .await
    }

    pub(crate) async fn fire_task(&self, fire: &FireTask, now: Timestamp) -> Result<Fired> {
        let (fire, seen) = (fire.clone(), fire.clone());
        self.ask_watched(
            move |engine| async move { engine.fire_task(&fire, now).await }.boxed(),
            move |witness, rows, fired| {
                if let Fired::Done(report) = fired {
                    witness.fired(rows, &seen, report, now);
                }
            },
        )
        .await
    }

    pub(crate) async fn put_task(&self, task: &Task, now: Timestamp) -> Result<Option<Task>> {
        let task = task.clone();
        self.ask_watched(
            move |engine| async move { engine.put_task(&task, None, now).await }.boxed(),
            |witness, _, stored| {
                if let Some(task) = stored {
                    witness.changed(task);
                }
            },
        )
        .await
    }
}
