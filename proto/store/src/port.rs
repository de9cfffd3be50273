//! The port: what the services ask of the shared rows, and what they get.

use std::time::Duration;

use async_trait::async_trait;
use proto::claim::{ClaimRequest, Claimed, Fence, Waiting};
use proto::command::{PairCode, Pairing};
use proto::group::{Chat, ChatSeen, Group};
use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::{Envelope, InboxMessage};
use proto::ingest::{IndexBatch, Indexed, Malformed, PartitionCursor};
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use proto::outbound::{AfterSend, Delivery, Receipt, Reply};
use proto::snapshot::SnapshotRef;
use proto::task::{FireReport, FireTask, Fired, RunsOf, Task, TaskId, TaskRun};
use proto::time::Timestamp;
use proto::turn::{Committed, Recorded, TurnBatch, TurnCommit, TurnFailure, TurnState, Usage};
use serde_json::Value;

use crate::pairing::{Asked, AuditEntry};

/// Result of a store call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store call did not do what was meant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The fence is not the newest: somebody else owns the group. Kill the sandbox, drop everything.
    #[error("group {} is no longer ours at epoch {}", .0.group, .0.epoch)]
    Fenced(Box<Fence>),
    /// This life of the runner is over: a newer one registered or the leader declared it dead.
    #[error("runner {runner} has been replaced or declared dead in its incarnation {incarnation}")]
    RunnerReplaced {
        /// The runner.
        runner: RunnerId,
        /// Its life that is over.
        incarnation: Incarnation,
    },
    /// The lease is held by somebody else by now, or by nobody.
    #[error("the lease {} is no longer held by {} at epoch {}", .0.name, .0.holder, .0.epoch)]
    LeaseLost(Box<Hold>),
    /// What the call names does not exist.
    #[error("no such {what}: {id}")]
    NotFound {
        /// Kind of thing: `group`, `chat`, `turn`, …
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The call contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The engine failed; whether the transaction took effect is unknown.
    #[error("the database failed: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What became of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the inbox at this position.
    Stored(InboxOrd),
    /// It was there before, under the same dedup key.
    Duplicate,
}

/// What [`Store::begin_turn`] found.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// Work.
    Turn(Box<TurnBatch>),
    /// Nothing that engages the agent lies after the cursor; the cursor is untouched.
    Nothing,
}

/// A piece of a session's transcript, as the SDK's session store hands it over.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscriptPart {
    /// Session.
    pub session: SessionId,
    /// Part of the session kept apart (sub-agents).
    pub subpath: Option<String>,
    /// Lines in order. A line with a `uuid` that is already there is skipped.
    pub entries: Vec<Value>,
}

/// One life of a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerRow {
    /// The runner.
    pub runner: RunnerId,
    /// Its newest life.
    pub incarnation: Incarnation,
    /// Counter that grows while it lives.
    pub heartbeat: i64,
    /// Whether it was declared dead.
    pub dead: bool,
    /// Slots that no group holds.
    pub free_slots: u32,
}

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// A message of an inbox.
    Message(InboxMessage),
    /// A message that was for a group that is not registered (any more).
    Unclaimed(Envelope),
    /// A message of the log that nobody can read.
    Malformed(Malformed),
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// What.
    pub letter: Letter,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A row of the outbox that did not arrive, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The row: `uncertain` or `dead`.
    pub delivery: Delivery,
    /// Why.
    pub reason: Option<String>,
    /// When it was given up.
    pub at: Timestamp,
}

/// What is recorded of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRecord {
    /// The turn.
    pub turn: TurnId,
    /// Its group.
    pub group: GroupId,
    /// State.
    pub state: TurnState,
    /// Attempts made.
    pub attempt: u32,
    /// Last failure.
    pub error: Option<String>,
}

/// Numbers of rows, for metrics and status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Registered groups.
    pub groups: u64,
    /// Groups ready and not claimed.
    pub waiting_groups: u64,
    /// Groups claimed.
    pub owned_groups: u64,
    /// Outbox rows that wait or are being sent.
    pub outbox_pending: u64,
    /// Outbox rows that may or may not have arrived.
    pub outbox_uncertain: u64,
    /// Outbox rows that were given up.
    pub outbox_dead: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

/// What is still on its way in a chat; nothing, for an unknown one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChatActivity {
    /// Messages of the chat in its group's inbox that engage the agent and lie after the cursor.
    pub unanswered: u64,
    /// Outbox rows of the chat that are pending or being sent.
    pub undelivered: u64,
}

/// How a group stands, for whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupStanding {
    /// Runner that serves it.
    pub owner: Option<RunnerId>,
    /// Since when a turn is open.
    pub turn_since: Option<Timestamp>,
    /// Messages and firings that call the agent and lie after the cursor.
    pub unanswered: u64,
    /// Whether there is a conversation to go on with.
    pub has_session: bool,
}

/// What turns used together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UsageTotal {
    /// Turns that committed.
    pub turns: u64,
    /// Tokens.
    pub usage: Usage,
    /// Millionths of a US dollar, as far as known.
    pub cost_micros: i64,
}

impl UsageTotal {
    /// Adds a turn.
    pub fn add(&mut self, usage: &Usage, cost_micros: Option<i64>) {
        self.turns += 1;
        self.usage.input_tokens += usage.input_tokens;
        self.usage.output_tokens += usage.output_tokens;
        self.usage.cache_creation_input_tokens += usage.cache_creation_input_tokens;
        self.usage.cache_read_input_tokens += usage.cache_read_input_tokens;
        self.cost_micros += cost_micros.unwrap_or(0);
    }
}

/// What [`Store::note_receipt`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is known, and changes nothing.
    Kept,
    /// It cannot be said yet; it must be said again.
    NotYet,
    /// What may or may not have arrived has: the row as it is now.
    Arrived(Box<Delivery>),
    /// What had been accepted, or may have arrived, did not: the row as it is now.
    Failed(Box<Delivery>),
    /// There is no such row (any more).
    Unknown,
}

/// How many rows retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows removed from all tables together.
    pub rows: u64,
    /// Whether the limit was reached and more is left.
    pub more: bool,
}

/// The rows that the services share.
///
/// Conditional writes check that they touched exactly one row. `now` decides only when to try, never who wins.
///
/// A call whose future is dropped, like one that ends in [`Error::Unavailable`], may take effect all the same. So writes are
/// not for `select!` and time-outs: nobody would know of a group that was claimed or a delivery that was charged that way.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // Registration.

    /// Registers a group or changes its name, privilege and settings. A known group keeps the time of its registration.
    ///
    /// Callers that register on behalf of somebody use [`crate::registration::register`], which takes nothing away.
    async fn put_group(&self, group: &Group) -> Result<()>;
    /// One group.
    async fn group(&self, id: &GroupId) -> Result<Option<Group>>;
    /// All groups, by id.
    async fn groups(&self) -> Result<Vec<Group>>;
    /// Unregisters a group: its chats become unregistered, its inbox, session, turns, tasks and dead letters are removed.
    ///
    /// What was already put into the outbox in its name is still delivered. Epochs and inbox positions go on counting if
    /// a group of that name is registered again, so that no fence of the former one can match.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while a runner owns it.
    async fn remove_group(&self, id: &GroupId) -> Result<()>;
    /// Records what an event says about a chat; a `None` leaves what is known, the time only moves forward (DB-12).
    async fn see_chat(&self, seen: &ChatSeen) -> Result<Chat>;
    /// Registers a known chat to a group, or to none.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown chat or group.
    async fn register_chat(&self, chat: &ChatId, group: Option<&GroupId>) -> Result<()>;
    /// One chat.
    async fn chat(&self, id: &ChatId) -> Result<Option<Chat>>;
    /// All chats, the one heard of last first (DB-24).
    async fn chats(&self) -> Result<Vec<Chat>>;

    // The inbox.

    /// Appends to a group's inbox, and makes the group ready if the message engages the agent.
    ///
    /// Positions follow the order of arrival, whatever the platform's clock says. A dedup key is one for all groups, and
    /// is known for as long as retention keeps the message.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the group is not registered (any more), or the chat was never seen.
    async fn append_inbox(&self, envelope: &Envelope, now: Timestamp) -> Result<Appended>;

    // The indexer: from the log of accepted messages to the inboxes.

    /// Says which log the partitions are read from, by its identity. A log that is not the one of the newest generation
    /// starts the next generation: all cursors at 0; dedup keys swallow what was taken in before. Returns one cursor per
    /// partition, in their order.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the known log with another number of partitions.
    async fn adopt_log(&self, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>>;
    /// Starts the next generation of the same log: it lost messages that were taken in already (a restored backup), so that
    /// its sequences start again below the cursors. Only if `seen` is still how the partition stands.
    async fn restart_log(&self, seen: &PartitionCursor) -> Result<Vec<PartitionCursor>>;
    /// How far each partition is taken in; empty before [`Store::adopt_log`].
    async fn partition_cursors(&self) -> Result<Vec<PartitionCursor>>;
    /// Takes a batch in: moves the cursor from exactly `batch.from`, appends to the inboxes in order as
    /// [`Store::append_inbox`] does, and makes groups ready. What cannot be read, and what is for a group or chat that
    /// does not exist, becomes a dead letter.
    ///
    /// # Errors
    /// [`Error::Conflict`] for records that do not follow one another, or lie outside what the batch covers.
    async fn index_batch(&self, batch: &IndexBatch, now: Timestamp) -> Result<Indexed>;

    // Leases: leadership and accounts.

    /// A lease's row; one that was never held has no holder and epoch 0.
    async fn lease(&self, name: &LeaseName) -> Result<LeaseRow>;
    /// Takes a lease whose row is still exactly `seen`; returns the new epoch, or `None` when somebody moved.
    async fn take_lease(&self, name: &LeaseName, holder: &str, seen: &LeaseRow) -> Result<Option<Epoch>>;
    /// Moves the lease's counter.
    ///
    /// # Errors
    /// [`Error::LeaseLost`].
    async fn renew_lease(&self, hold: &Hold) -> Result<()>;
    /// Gives the lease up, so that another may take it at once. One that is lost already is no error.
    async fn release_lease(&self, hold: &Hold) -> Result<()>;
    /// How far the platform's feed of an account was read, in the channel's own words; none before the first save.
    async fn account_position(&self, channel: &str, account: &str) -> Result<Option<String>>;
    /// Notes how far the feed was read. Whoever takes the account over goes on from there.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], also for a lease that is no account's.
    async fn save_position(&self, hold: &Hold, position: &str) -> Result<()>;

    // Runners.

    /// Registers a runner with its number of slots and starts its next life. Earlier lives are fenced at once. Their
    /// groups and slots stay taken until [`Store::free_stale_groups`]: the sandboxes must be killed first.
    async fn register_runner(&self, runner: &RunnerId, slots: u32, now: Timestamp) -> Result<Incarnation>;
    /// Moves the runner's counter.
    ///
    /// # Errors
    /// [`Error::RunnerReplaced`] when this life is over.
    async fn heartbeat(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()>;
    /// Frees the groups owned by lives of this runner before `current` (epoch + 1): the attempt at hand is given back and
    /// counted as a runner death instead. A group with nothing to do just rests.
    async fn free_stale_groups(&self, runner: &RunnerId, current: Incarnation, now: Timestamp) -> Result<Vec<GroupId>>;
    /// All runners.
    async fn runners(&self) -> Result<Vec<RunnerRow>>;
    /// Declares a life of a runner dead if it is still at this heartbeat, and frees its groups as
    /// [`Store::free_stale_groups`] does.
    /// Returns the groups freed; none when the runner moved on.
    async fn declare_dead(&self, seen: &RunnerRow, now: Timestamp) -> Result<Vec<GroupId>>;

    /// Ends this life of a runner that owns nothing any more, so that nobody waits for it. One that still owns a group is
    /// left to the reaper.
    async fn retire_runner(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<()>;

    // Claim and turn.

    /// Claims up to `free_slots` ready groups in the order of [`proto::claim::claim_order`]: owner set, epoch + 1,
    /// attempt + 1, a slot row taken; never more than slots are really free. Groups another runner held last are left to
    /// it for [`proto::claim::STICKY_DELAY`] after they became ready, if it still lives.
    ///
    /// # Errors
    /// [`Error::RunnerReplaced`] when this life is over.
    async fn claim_groups(&self, request: &ClaimRequest) -> Result<Vec<Claimed>>;
    /// Fences of all groups that this life of a runner owns now, by group; a life that is over owns nothing.
    ///
    /// What the runner should be serving, whatever it believes: a claim whose answer was lost is in here, and so is a
    /// group nobody works on any more. A claim still under way may show up only in a later look.
    async fn owned_groups(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<Fence>>;
    /// Group that has waited longest without an owner, if any is ready at `now`.
    async fn oldest_waiting(&self, now: Timestamp) -> Result<Option<Waiting>>;
    /// Chats of the messages that wait for this runner alone: for each group the chat of its first pending message that
    /// engages the agent. A group waits when it has been ready since `since` and has no owner, or when an earlier life of
    /// this runner owns it, whose sandbox is gone or about to be. Lets the runner say once why nothing happens.
    ///
    /// Nobody waits for this runner while another lives whose slots are all taken: it serves, and the others come next. One
    /// with a free slot would have taken what was ready since `since`; it can do no more than this one.
    ///
    /// In the order of the groups' ids, those after `after`, at most `limit`.
    async fn waiting_chats(
        &self,
        runner: &RunnerId,
        since: Timestamp,
        after: Option<&GroupId>,
        limit: u32,
    ) -> Result<Vec<(GroupId, ChatId)>>;
    /// Reads what is pending after the cursor (in a transaction after the claim, never in the same statement) and
    /// opens the turn, or takes up the one an earlier attempt left open, under its old id.
    ///
    /// `fresh` is the id of the turn if it is a new one. The batch is that of [`proto::prompt::choose_batch`], or of
    /// [`proto::prompt::choose_batch_again`] where an earlier attempt had prompted, behind the chatter that
    /// [`proto::prompt::with_unseen`] adds. The attempt number is what claims
    /// charged since the last commit, at least 1. Doing it again in the same claim takes the open turn up again.
    ///
    /// # Errors
    /// [`Error::Fenced`].
    async fn begin_turn(&self, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun>;
    /// What [`proto::prompt::choose_batch`] takes of the messages after `after`, oldest first; nothing while none of them
    /// engages the agent, which costs next to nothing to find out. Where they are all chatter, the one that engages lies
    /// behind them. The cursor does not move.
    ///
    /// # Errors
    /// [`Error::Fenced`].
    async fn read_follow_ups(&self, fence: &Fence, after: InboxOrd) -> Result<Vec<InboxMessage>>;
    /// Notes how far the prompts handed to the agent in this turn reach, and under which session; a later attempt
    /// learns from it ([`proto::turn::Interrupted`]). How far never decreases.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`] for an unknown turn; [`Error::Conflict`] when it is not open in this claim.
    async fn mark_prompted(&self, fence: &Fence, turn: TurnId, through: InboxOrd, session: &SessionId) -> Result<()>;
    /// Puts an early effect into the outbox: once per `(turn, key)`. In a later attempt at the turn, a text for a chat
    /// that an earlier attempt already sent there (as the same sender) counts as that same effect, once for each time it
    /// was sent, oldest first, and has the new key from then on. Attempts are told apart by their epoch. Keys of early
    /// effects and of replies are apart.
    ///
    /// The turn may also be one that this claim has committed: what an agent says between two turns belongs to the one
    /// before. `fresh` is the id of the row if it is a new one.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`] for an unknown chat or turn; [`Error::Conflict`] when the turn is neither
    /// open in this claim nor committed by it.
    async fn record_effect(
        &self,
        fence: &Fence,
        turn: TurnId,
        effect: &Reply,
        fresh: OutboxId,
        now: Timestamp,
    ) -> Result<Recorded>;
    /// Appends transcript lines as the SDK writes them.
    ///
    /// # Errors
    /// [`Error::Fenced`].
    async fn append_transcript(&self, fence: &Fence, part: &TranscriptPart) -> Result<()>;
    /// Appends lines among which the prompt of a turn was found, and notes how far that reaches: [`Store::append_transcript`] and
    /// [`Store::mark_prompted`]. Should only the first take effect, the prompt is repeated later; never the other way round.
    ///
    /// # Errors
    /// As both.
    async fn append_prompted(
        &self,
        fence: &Fence,
        part: &TranscriptPart,
        turn: TurnId,
        through: InboxOrd,
    ) -> Result<()> {
        self.append_transcript(fence, part).await?;
        self.mark_prompted(fence, turn, through, &part.session).await
    }
    /// Reads a transcript back in order; `None` when nothing is known of it.
    async fn load_transcript(
        &self,
        group: &GroupId,
        session: &SessionId,
        subpath: Option<&str>,
    ) -> Result<Option<Vec<Value>>>;
    /// The group's committed workspace.
    async fn snapshot(&self, group: &GroupId) -> Result<Option<SnapshotRef>>;
    /// Commits a turn: cursor, session, workspace, usage and outbox rows become true together; attempts return to zero. The claim
    /// goes on, and the group is ready again as of now if more is pending. Without a session the next turn starts a new
    /// one. `outbox_ids` gives one fresh id per reply.
    ///
    /// In doubt, the same commit may be tried again: [`Committed::Before`] says that this claim had committed the turn,
    /// even if the claim is over by now.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`] for an unknown turn or chat; [`Error::Conflict`] when the cursor would not
    /// grow or would leave the inbox, the turn is not open in this claim, or two replies have the same key.
    async fn commit_turn(&self, fence: &Fence, commit: &TurnCommit, outbox_ids: &[OutboxId]) -> Result<Committed>;
    /// Records a failed attempt, does what follows from it, and ends the claim. `notice_id` is the outbox id of the notice.
    ///
    /// A dead letter closes the turn; its messages stay in the inbox, covered, so that their dedup keys stay known.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`] for an unknown turn or chat; [`Error::Conflict`] when the turn is not open in
    /// this claim, or the dead letter would not move the cursor within the inbox.
    async fn fail_turn(&self, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()>;
    /// Ends the claim without touching the cursor. What is pending, or a turn left open, makes the group ready at once.
    /// With `interrupted` the attempt that was charged at the claim is given back (drain, nothing pending).
    ///
    /// # Errors
    /// [`Error::Fenced`].
    async fn release_group(&self, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()>;
    /// What is recorded of a turn.
    async fn turn(&self, turn: TurnId) -> Result<Option<TurnRecord>>;

    // The outbox.

    /// Puts a notice of the system into the outbox; once per `key` (the reply's own key is not looked at), for as long as
    /// retention keeps it. It speaks for the group of its chat.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown chat; [`Error::Conflict`] for a chat without a group.
    async fn put_notice(&self, key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Result<Recorded>;
    /// Heads of the chats' queues on this account that may be sent at `now`: for each chat the first row that is not
    /// done, if it is pending and its time has come.
    async fn due_deliveries(&self, channel: &str, account: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>>;
    /// Charges an attempt: pending → sending. `None` when it is not due: somebody else took it, its time has not come, or
    /// it is not the head of its chat's queue, or its chat is not of the account that `hold` is for.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the account is somebody else's by now.
    async fn begin_delivery(&self, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>>;
    /// Records what became of the attempt that [`Store::begin_delivery`] charged as number `attempt`. In doubt, the same
    /// may be recorded again.
    ///
    /// Returns the row behind it in its chat, if this call is what ended it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when another attempt was charged since, or something else was recorded.
    async fn finish_delivery(
        &self,
        id: OutboxId,
        attempt: u32,
        after: &AfterSend,
        now: Timestamp,
    ) -> Result<Option<OutboxId>>;
    /// Takes note of what the platform says about an accepted message, if it says more than what was known, and settles the
    /// row as [`proto::outbound::decide_after_receipt`] says.
    async fn note_receipt(&self, receipt: &Receipt, now: Timestamp) -> Result<Noted>;
    /// The newest receipt of a delivery.
    async fn receipt(&self, id: OutboxId) -> Result<Option<Receipt>>;
    /// Rows of this account left in `sending` by an earlier holder; called before the first delivery of a new one.
    async fn interrupted_deliveries(&self, channel: &str, account: &str) -> Result<Vec<Delivery>>;
    /// Deliveries of a chat after `after_seq`, whatever their state, oldest first (for polling).
    async fn deliveries_after(&self, chat: &ChatId, after_seq: i64, limit: u32) -> Result<Vec<Delivery>>;

    /// What is still on its way in a chat, in one snapshot: once both numbers are zero, every message it sent so far got
    /// its answer, its deliberate silence or its notice.
    async fn chat_activity(&self, chat: &ChatId) -> Result<ChatActivity>;

    // Tasks.

    /// Adds a task (version 0) or changes the one that was read (its version). `None`: it was changed meanwhile, or a task of
    /// that name is there already; read it and decide again. With `fence`, only while that claim holds.
    ///
    /// A task that is active no longer loses its firings that no turn has begun: they are recorded as cancelled (SC-D4).
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`] when the group, the chat, or the task that was read is gone;
    /// [`Error::Conflict`] when the chat is not the group's, the task is of another group, or the group has
    /// [`proto::task::TASKS_MAX`] tasks that are not done.
    async fn put_task(&self, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>>;
    /// One task.
    async fn task(&self, id: &TaskId) -> Result<Option<Task>>;
    /// The tasks of a group, or of all groups, by id.
    async fn tasks(&self, group: Option<&GroupId>) -> Result<Vec<Task>>;
    /// Removes a task and cancels its firings that no turn has begun; a run that has begun goes on to its end. Its history
    /// stays until retention takes it. With `fence`, only while that claim holds.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`].
    async fn remove_task(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()>;
    /// Earliest due instant of all active tasks.
    async fn next_due_at(&self) -> Result<Option<Timestamp>>;
    /// Active tasks that are due at `now`, the one due first first.
    async fn due_tasks(&self, now: Timestamp, limit: u32) -> Result<Vec<Task>>;
    /// Does what was decided about a due task: each due instant becomes a firing once, by its key `(task, due)`, and a row
    /// of the group's inbox, and the group is ready for it; `next_due` moves from exactly what was seen. What the overlap
    /// policy leaves out, and that some were missed, goes into the history.
    ///
    /// Two that do the same at once only waste work. A task whose chat belongs to its group no more is paused instead.
    async fn fire_task(&self, fire: &FireTask, now: Timestamp) -> Result<Fired>;
    /// Fires a task once, now, in whatever state it is; its schedule goes on as it was. With `fence`, only while that claim
    /// holds.
    ///
    /// # Errors
    /// [`Error::Fenced`]; [`Error::NotFound`]; [`Error::Conflict`] when the overlap policy leaves it out or its chat
    /// belongs to its group no more.
    async fn run_task_now(&self, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport>;
    /// What came of firings, the one that ended last first. The commit or the dead letter of the turn that covers a firing
    /// records it, once, and counts failures in a row: after as many as the task allows it is paused, and what its chat is
    /// told says so.
    async fn task_runs(&self, of: &RunsOf, limit: u32) -> Result<Vec<TaskRun>>;

    // Commands.

    /// Notes that the open turn of a group is to end now, whoever works on it; `None`: there is none. Returns the runner that
    /// serves the group.
    async fn stop_turn(&self, group: &GroupId, now: Timestamp) -> Result<Option<Option<RunnerId>>>;
    /// The open turns of the groups that this life of a runner owns that somebody wants to end, by group.
    async fn turns_to_stop(&self, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<(GroupId, TurnId)>>;
    /// How a group stands.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn group_standing(&self, group: &GroupId) -> Result<GroupStanding>;
    /// What the turns of a group used that committed at `since` or later.
    async fn usage_since(&self, group: &GroupId, since: Timestamp) -> Result<UsageTotal>;
    /// Gives a chat without a group a code, `fresh` if it has none that still holds, and has the chat show it, once: in the
    /// name of the main group, since the chat has none.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown chat; [`Error::Conflict`] for one with a group, or without any main group.
    async fn ask_pairing(&self, chat: &ChatId, fresh: &PairCode, notice_id: OutboxId, now: Timestamp) -> Result<Asked>;
    /// Chats that ask to be paired, with codes that still hold, the one that asked first first.
    async fn pairings(&self, now: Timestamp) -> Result<Vec<Pairing>>;
    /// Registers the chat with this code to a group, or to none: it is rejected. Who did it goes into the audit.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a code that does not hold (any more), or an unknown group.
    async fn end_pairing(&self, code: &PairCode, group: Option<&GroupId>, by: &str, now: Timestamp) -> Result<ChatId>;
    /// What was done, newest first.
    async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>>;

    // Upkeep.

    /// Dead letters, newest first.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>>;
    /// Outbox rows that were given up or may not have arrived, newest first.
    async fn undelivered(&self, limit: u32) -> Result<Vec<Undelivered>>;
    /// Numbers of rows.
    async fn counts(&self, now: Timestamp) -> Result<Counts>;
    /// Removes at most `limit` rows older than `keep`: covered messages (with their dedup keys: platforms re-send within
    /// days), closed turns, deliveries that are done (sent, uncertain or dead) unless their turn is open, transcripts of
    /// sessions no group or open turn refers to and that nobody wrote to since, dead letters, runners that are dead, own
    /// nothing, and registered before that, firings that ended, and tasks that are done and did not change since. Usage is
    /// kept.
    async fn remove_old(&self, keep: Duration, limit: u32, now: Timestamp) -> Result<Removed>;
    /// Answers when the store can commit.
    async fn check(&self) -> Result<()>;
}
