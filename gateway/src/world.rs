//! The world of this crate's tests: real rows, the local bus, a clock that stands still, and a channel that is scripted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use blobs::BlobStore;
use blobs::directory::DirectoryStore;
use bus::local::{LocalHints, LocalIngress};
use bus::{Hints, Ingress};
use prometheus_client::registry::Registry;
use proto::claim::{ClaimRequest, Fence};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, OutboxId, RunnerId, TurnId};
use proto::inbound::{Addressed, EventKind, InboundEvent};
use proto::lease::LeaseTimings;
use proto::lease::holding::{Hold, LeaseName};
use proto::outbound::{Delivery, Extra, Limits, OutboxState, Part, Reconciled, Reply, Resend, SendOutcome};
use proto::sender_allowlist::OnInvalid;
use proto::time::{Clock, Monotonic, Timestamp};
use proto::turn::{TurnBatch, TurnCommit, Usage};
use service::ids::RandomIds;
use service::readiness::Readiness;
use store::keeper::{Keeper, Takeover};
use store::outage::Outage;
use store::sqlite::SqliteStore;
use store::{Begun, Store};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::channel::Channel;
use crate::command::Commands;
use crate::delivery::{DeliveryLoop, Lease, Tools};
use crate::directory::Directory;
use crate::files::Files;
use crate::health::Health;
use crate::intake::{AllowlistFile, Attachments, Intake};
use crate::metrics::Metrics;
use crate::receiving::Notices;

/// Time at which every world begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// How long a test waits for what must happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A clock that moves when told.
#[derive(Debug)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn advance(&self, span: Duration) {
        self.0
            .fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.now().since(START))
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    /// Makes [`World::store`] fail; the ingress goes on, as a broker does.
    pub(crate) outage: Arc<Outage>,
    pub(crate) hints: Arc<dyn Hints>,
    pub(crate) ingress: Arc<dyn Ingress>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dir: tempfile::TempDir,
    next_id: AtomicU64,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rows: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.path().join("clawhold.db"), START).unwrap());
        let outage = Arc::new(Outage::around(rows.clone()));
        let hints: Arc<dyn Hints> = Arc::new(LocalHints::new());
        let clock = Arc::new(ManualClock(AtomicI64::new(START.as_millis())));
        let ingress = Arc::new(LocalIngress::new(rows, hints.clone(), clock.clone()));
        Self {
            store: outage.clone(),
            outage,
            hints,
            ingress,
            clock,
            dir,
            next_id: AtomicU64::new(1),
        }
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::new(Directory::new(self.store.clone(), self.clock.clone()))
    }

    /// A keeper of the account `bot` on the channel `test`.
    pub(crate) fn keeper(&self, holder: &str) -> Keeper {
        Keeper::new(
            self.store.clone(),
            account_bot(),
            holder.to_owned(),
            LeaseTimings::FAST,
            self.clock.clone(),
            || 0.5,
            Takeover::Observe,
        )
    }

    /// Takes that account.
    pub(crate) async fn hold(&self, holder: &str) -> Hold {
        let mut keeper = self.keeper(holder);
        keeper.tick().await.unwrap();
        let held = keeper.held().borrow().clone();
        held.expect("nobody holds it").hold
    }

    /// A delivery loop that holds the account for as long as the clock stands still.
    pub(crate) async fn delivery(&self, channel: Arc<ScriptedChannel>) -> DeliveryLoop {
        self.kept_delivery(channel).await.1
    }

    /// A delivery loop that holds the account, and the keeper whose ticks prolong that.
    pub(crate) async fn kept_delivery(&self, channel: Arc<ScriptedChannel>) -> (Keeper, DeliveryLoop) {
        let mut keeper = self.keeper("a");
        keeper.tick().await.unwrap();
        let delivery = DeliveryLoop::new(channel, Lease::of(&keeper), self.tools(), self.health());
        (keeper, delivery)
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::register(&mut Registry::default())
    }

    pub(crate) fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(DirectoryStore::new(self.dir.path().join("blobs")))
    }

    pub(crate) fn notices(&self) -> Notices {
        Notices {
            store: self.store.clone(),
            hints: self.hints.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(RandomIds),
        }
    }

    /// The standing of the account `bot` on the channel `test`.
    pub(crate) fn health(&self) -> Arc<Health> {
        let part = Readiness::new().part("account".to_owned());
        Arc::new(Health::new("test", "bot", self.clock.clone(), part, self.metrics()))
    }

    pub(crate) fn tools(&self) -> Tools {
        Tools {
            store: self.store.clone(),
            ingress: self.ingress.clone(),
            hints: self.hints.clone(),
            clock: self.clock.clone(),
            random: || 0.5,
            metrics: self.metrics(),
        }
    }

    /// Intake with the allowlist `allow.json`, failing closed, and "Andy" as assistant.
    pub(crate) fn intake(&self) -> Intake {
        self.intake_through(self.ingress.clone())
    }

    pub(crate) fn intake_through(&self, ingress: Arc<dyn Ingress>) -> Intake {
        let allowlist = AllowlistFile::new(self.dir.path().join("allow.json"), OnInvalid::DropEverybody);
        let stopping = CancellationToken::new();
        let directory = self.directory();
        Intake::new(
            Arc::clone(&directory),
            ingress,
            allowlist,
            "Andy".into(),
            self.commands(directory),
            self.metrics(),
            Attachments::new(Files::new(self.blobs()), self.clock.clone()),
            stopping,
        )
    }

    /// Commands, which `ann` of the channel `test` may give anywhere.
    pub(crate) fn commands(&self, directory: Arc<Directory>) -> Commands {
        Commands {
            store: self.store.clone(),
            hints: self.hints.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(RandomIds),
            directory,
            admins: vec!["test:ann".into()],
            zone: chrono_tz::Tz::UTC,
        }
    }

    pub(crate) fn uuid(&self) -> Uuid {
        Uuid::from_u128(self.next_id.fetch_add(1, Ordering::Relaxed).into())
    }

    pub(crate) async fn group(&self, id: &str, is_main: bool) -> GroupId {
        let id = GroupId::parse(id).unwrap();
        let settings = GroupSettings::default();
        let group = Group {
            id: id.clone(),
            name: id.to_string(),
            is_main,
            settings,
            created_at: START,
        };
        self.store.put_group(&group).await.unwrap();
        id
    }

    pub(crate) fn seen(&self, chat: &str) -> ChatSeen {
        ChatSeen {
            id: ChatId::new(chat),
            channel: "test".into(),
            account: "bot".into(),
            name: None,
            is_group_chat: Some(true),
            seen_at: self.clock.now(),
            parent: None,
        }
    }

    /// A chat of the account `bot` on the channel `test`, registered to a group.
    pub(crate) async fn chat(&self, chat: &str, group: &GroupId) -> ChatId {
        let chat = self.store.see_chat(&self.seen(chat)).await.unwrap().id;
        self.store.register_chat(&chat, Some(group)).await.unwrap();
        chat
    }

    /// Somebody says something that engages the agent.
    pub(crate) async fn hear(&self, seen: &ChatSeen, text: &str) {
        let event = event(seen, &self.uuid().to_string(), text);
        self.intake().take(seen, event, None).await.unwrap();
    }

    /// Puts a text into the outbox.
    pub(crate) async fn say(&self, chat: &ChatId, text: &str) -> OutboxId {
        self.say_with(chat, text, None).await
    }

    pub(crate) async fn say_with(&self, chat: &ChatId, text: &str, extra: Option<Extra>) -> OutboxId {
        let id = OutboxId(self.uuid());
        let reply = Reply {
            key: String::new(),
            chat: chat.clone(),
            text: text.into(),
            sender: None,
            extra,
        };
        self.store
            .put_notice(&id.to_string(), &reply, id, self.clock.now())
            .await
            .unwrap();
        id
    }

    /// The store of a full disk, until the guard is dropped: rows are read, and the outbox takes no change.
    pub(crate) fn refuse_outbox_updates(&self) -> FullDisk {
        let connection = rusqlite::Connection::open(self.dir.path().join("clawhold.db")).unwrap();
        connection
            .execute_batch(
                "CREATE TRIGGER full_disk BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
            )
            .unwrap();
        FullDisk(connection)
    }

    /// States of a chat's outbox rows in order.
    pub(crate) async fn states(&self, chat: &ChatId) -> Vec<OutboxState> {
        let rows = self.store.deliveries_after(chat, 0, 100).await.unwrap();
        rows.iter().map(|row| row.state).collect()
    }

    /// Claims the one ready group and begins its turn, as a runner would.
    pub(crate) async fn begin_turn(&self) -> (Fence, TurnBatch) {
        let runner = RunnerId::new("r");
        let now = self.clock.now();
        let incarnation = self.store.register_runner(&runner, 5, now).await.unwrap();
        let request = ClaimRequest {
            runner,
            incarnation,
            free_slots: 5,
            now,
        };
        let claimed = self.store.claim_groups(&request).await.unwrap().remove(0);
        let fence = claimed.fence;
        match self.store.begin_turn(&fence, TurnId(self.uuid()), now).await.unwrap() {
            Begun::Turn(batch) => (fence, *batch),
            Begun::Nothing => panic!("nothing to do"),
        }
    }

    /// Commits a turn with these replies.
    pub(crate) async fn commit_turn(&self, fence: &Fence, batch: &TurnBatch, replies: &[(&ChatId, &str)]) {
        let replies: Vec<_> = replies
            .iter()
            .enumerate()
            .map(|(n, (chat, text))| Reply {
                key: format!("extra:{n}"),
                chat: (*chat).clone(),
                text: (*text).to_owned(),
                sender: None,
                extra: None,
            })
            .collect();
        let ids: Vec<_> = replies.iter().map(|_| OutboxId(self.uuid())).collect();
        let commit = TurnCommit {
            turn: batch.turn,
            through: batch.messages.last().unwrap().ord,
            replies,
            session: None,
            usage: Usage::default(),
            cost_micros: None,
            outcome: proto::task::RunOutcome::Answered,
            now: self.clock.now(),
            snapshot: None,
        };
        self.store.commit_turn(fence, &commit, &ids).await.unwrap();
    }
}

/// What Ann says to the assistant alone; `id` is the platform's.
pub(crate) fn event(seen: &ChatSeen, id: &str, text: &str) -> InboundEvent {
    InboundEvent {
        dedup_key: format!("test:bot:{id}"),
        chat: seen.id.clone(),
        sender: "ann".into(),
        sender_name: "Ann".into(),
        text: text.into(),
        sent_at: seen.seen_at,
        is_from_me: false,
        is_bot: false,
        addressed: Addressed::Direct,
        kind: EventKind::Message,
        quote: None,
        files: Vec::new(),
        trace: None,
    }
}

/// The lease of the account `bot` on the channel `test`.
pub(crate) fn account_bot() -> LeaseName {
    LeaseName::Account {
        channel: "test".into(),
        account: "bot".into(),
    }
}

/// See [`World::refuse_outbox_updates`].
pub(crate) struct FullDisk(rusqlite::Connection);

impl Drop for FullDisk {
    fn drop(&mut self) {
        self.0.execute_batch("DROP TRIGGER full_disk").unwrap();
    }
}

/// The channel `test` with the account `bot`: answers what it is told to, `Sent` otherwise, and notes what it was given.
pub(crate) struct ScriptedChannel {
    pub(crate) resend: Resend,
    pub(crate) answers: Mutex<VecDeque<SendOutcome>>,
    pub(crate) unreachable: Mutex<Vec<ChatId>>,
    pub(crate) given: Mutex<Vec<String>>,
    pub(crate) limits: Limits,
    pub(crate) typed: Mutex<Vec<(ChatId, bool)>>,
    pub(crate) known: Mutex<VecDeque<Reconciled>>,
    /// Whether what is asked before a message leaves is never answered.
    pub(crate) is_stuck: AtomicBool,
}

impl ScriptedChannel {
    pub(crate) fn new(resend: Resend, answers: impl IntoIterator<Item = SendOutcome>) -> Arc<Self> {
        Arc::new(Self::with(resend, answers))
    }

    pub(crate) fn with(resend: Resend, answers: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self {
            resend,
            answers: Mutex::new(answers.into_iter().collect()),
            unreachable: Mutex::default(),
            given: Mutex::default(),
            limits: Limits::NONE,
            typed: Mutex::default(),
            known: Mutex::default(),
            is_stuck: AtomicBool::new(false),
        }
    }

    pub(crate) fn given(&self) -> Vec<String> {
        self.given.lock().unwrap().clone()
    }
}

#[async_trait]
impl Channel for ScriptedChannel {
    fn name(&self) -> &str {
        "test"
    }

    fn account(&self) -> &str {
        "bot"
    }

    fn resend(&self) -> Resend {
        self.resend
    }

    fn reachable(&self, chat: &ChatId) -> bool {
        !self.unreachable.lock().unwrap().contains(chat)
    }

    fn limits(&self, _: &Delivery) -> Limits {
        self.limits
    }

    async fn send(&self, _: &Delivery, part: &Part) -> SendOutcome {
        if self.is_stuck.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        self.given.lock().unwrap().push(part.text.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or(SendOutcome::Sent { platform_id: None })
    }

    async fn typing(&self, chat: &ChatId, on: bool) {
        self.typed.lock().unwrap().push((chat.clone(), on));
    }

    async fn reconcile(&self, _: &Delivery, _: &Part) -> Reconciled {
        let known = self.known.lock().unwrap().pop_front();
        known.unwrap_or(Reconciled::CannotTell)
    }
}

/// Waits until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, waiting)
        .await
        .unwrap_or_else(|_| panic!("never came true: {what}"));
}
