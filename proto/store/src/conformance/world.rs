//! A small world around a store: named things, fresh ids, and the steps that most cases take.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proto::claim::{ClaimRequest, Claimed, Fence};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::{Details, Envelope};
use proto::lease::holding::{Hold, LeaseName};
use proto::outbound::{Delivery, Reply};
use proto::task::RunOutcome;
use proto::time::Timestamp;
use proto::turn::{AfterFailure, Committed, TurnBatch, TurnCommit, TurnFailure, Usage};

use crate::{Appended, Begun, Result, Store};

/// A store under test, with what is needed to talk to it.
pub struct World {
    /// The store.
    pub store: Arc<dyn Store>,
    next: AtomicU64,
    _alive: Box<dyn Any + Send + Sync>,
}

/// A runner of the world.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub(super) id: RunnerId,
    pub(super) incarnation: Incarnation,
}

/// The time `millis` after the beginning of the world.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

/// The id of a group.
pub(super) fn group_id(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

/// The chat that [`World::group`] registers to a group.
pub(super) fn chat_of(group: &str) -> ChatId {
    ChatId::new(format!("test:{group}"))
}

/// Something to say.
pub(super) fn reply(key: &str, group: &str, text: &str) -> Reply {
    Reply {
        key: key.to_owned(),
        chat: chat_of(group),
        text: text.to_owned(),
        sender: None,
        extra: None,
    }
}

/// The lease on the account of all chats.
pub(super) fn account() -> LeaseName {
    LeaseName::Account {
        channel: "test".to_owned(),
        account: World::ACCOUNT.to_owned(),
    }
}

impl World {
    /// Account of all chats of the world.
    pub(super) const ACCOUNT: &str = "bot";

    /// A world around `store`; `alive` is kept as long (a temporary directory, say).
    pub fn new(store: Arc<dyn Store>, alive: impl Any + Send + Sync) -> Self {
        Self {
            store,
            next: AtomicU64::new(1),
            _alive: Box::new(alive),
        }
    }

    fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.next.fetch_add(1, Ordering::Relaxed).into())
    }

    pub(super) fn turn_id(&self) -> TurnId {
        TurnId(self.uuid())
    }

    pub(super) fn outbox_id(&self) -> OutboxId {
        OutboxId(self.uuid())
    }

    /// Registers a group with one chat.
    pub(super) async fn group(&self, name: &str) -> GroupId {
        let id = group_id(name);
        let group = Group {
            id: id.clone(),
            name: name.to_uppercase(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: at(0),
        };
        self.store.put_group(&group).await.unwrap();
        self.chat(chat_of(name)).await;
        self.store.register_chat(&chat_of(name), Some(&id)).await.unwrap();
        id
    }

    /// Sees a chat.
    pub(super) async fn chat(&self, id: ChatId) {
        let seen = ChatSeen {
            id,
            channel: "test".to_owned(),
            account: Self::ACCOUNT.to_owned(),
            name: None,
            is_group_chat: None,
            seen_at: at(0),
            parent: None,
        };
        self.store.see_chat(&seen).await.unwrap();
    }

    pub(super) fn envelope(&self, group: &str, text: &str, engages: bool) -> Envelope {
        Envelope {
            dedup_key: format!("test:bot:{}", self.next.fetch_add(1, Ordering::Relaxed)),
            group: group_id(group),
            chat: chat_of(group),
            sender: "ann".to_owned(),
            sender_name: "Ann".to_owned(),
            text: text.to_owned(),
            sent_at: at(0),
            engages,
            trace: None,
            task: None,
            details: Details::default(),
        }
    }

    pub(super) async fn append(&self, envelope: &Envelope, now: Timestamp) -> InboxOrd {
        match self.store.append_inbox(envelope, now).await.unwrap() {
            Appended::Stored(ord) => ord,
            Appended::Duplicate => panic!("{} was there before", envelope.dedup_key),
        }
    }

    /// Takes a lease over from whoever holds it.
    pub(super) async fn take_over(&self, name: &LeaseName, holder: &str) -> Hold {
        let seen = self.store.lease(name).await.unwrap();
        let epoch = self.store.take_lease(name, holder, &seen).await.unwrap().unwrap();
        Hold {
            name: name.clone(),
            holder: holder.to_owned(),
            epoch,
        }
    }

    /// The hold on the account of all chats, taken if nobody has it.
    pub(super) async fn hold(&self) -> Hold {
        let row = self.store.lease(&account()).await.unwrap();
        match row.holder {
            Some(holder) => Hold {
                name: account(),
                holder,
                epoch: row.epoch,
            },
            None => self.take_over(&account(), "gateway").await,
        }
    }

    /// Charges an attempt at a delivery, as the holder of the account.
    pub(super) async fn begin_delivery(&self, id: OutboxId, now: Timestamp) -> Option<Delivery> {
        let hold = self.hold().await;
        self.store.begin_delivery(&hold, id, now).await.unwrap()
    }

    /// A message that calls the agent.
    pub(super) async fn call(&self, group: &str, text: &str, now: Timestamp) -> InboxOrd {
        self.append(&self.envelope(group, text, true), now).await
    }

    /// A message that does not.
    pub(super) async fn chatter(&self, group: &str, text: &str, now: Timestamp) -> InboxOrd {
        self.append(&self.envelope(group, text, false), now).await
    }

    pub(super) async fn runner(&self, name: &str, slots: u32) -> Runner {
        let id = RunnerId::new(name);
        let incarnation = self.store.register_runner(&id, slots, at(0)).await.unwrap();
        Runner { id, incarnation }
    }

    pub(super) async fn try_claim(&self, runner: &Runner, free_slots: u32, now: Timestamp) -> Result<Vec<Claimed>> {
        let request = ClaimRequest {
            runner: runner.id.clone(),
            incarnation: runner.incarnation,
            free_slots,
            now,
        };
        self.store.claim_groups(&request).await
    }

    /// Names of the groups a claim gets.
    pub(super) async fn claim_names(&self, runner: &Runner, free_slots: u32, now: Timestamp) -> Vec<String> {
        let claimed = self.try_claim(runner, free_slots, now).await.unwrap();
        claimed
            .into_iter()
            .map(|claimed| claimed.fence.group.to_string())
            .collect()
    }

    /// Claims the one group that is there to be claimed.
    pub(super) async fn claim(&self, runner: &Runner, now: Timestamp) -> Fence {
        let mut claimed = self.try_claim(runner, 1, now).await.unwrap();
        assert_eq!(claimed.len(), 1, "nothing to claim");
        claimed.remove(0).fence
    }

    /// Begins a turn that must have work.
    pub(super) async fn begin(&self, fence: &Fence, now: Timestamp) -> TurnBatch {
        match self.store.begin_turn(fence, self.turn_id(), now).await.unwrap() {
            Begun::Turn(batch) => *batch,
            Begun::Nothing => panic!("nothing to do"),
        }
    }

    /// A group with one waiting message, claimed and begun.
    pub(super) async fn begun(&self, group: &str, runner: &Runner) -> (Fence, TurnBatch) {
        self.group(group).await;
        self.call(group, "hello", at(0)).await;
        let fence = self.claim(runner, at(0)).await;
        let batch = self.begin(&fence, at(0)).await;
        (fence, batch)
    }

    pub(super) fn commit_of(&self, turn: TurnId, through: InboxOrd, replies: Vec<Reply>, now: Timestamp) -> TurnCommit {
        let usage = Usage {
            input_tokens: 3,
            output_tokens: 5,
            ..Usage::default()
        };
        TurnCommit {
            turn,
            through,
            replies,
            session: Some(SessionId::new("session")),
            usage,
            cost_micros: Some(7),
            outcome: RunOutcome::Answered,
            now,
            snapshot: None,
        }
    }

    pub(super) async fn try_commit(&self, fence: &Fence, commit: &TurnCommit) -> Result<Committed> {
        let ids: Vec<_> = commit.replies.iter().map(|_| self.outbox_id()).collect();
        self.store.commit_turn(fence, commit, &ids).await
    }

    /// Commits the whole batch with these replies.
    pub(super) async fn commit(&self, fence: &Fence, batch: &TurnBatch, replies: Vec<Reply>, now: Timestamp) {
        let through = batch.messages.last().unwrap().ord;
        let commit = self.commit_of(batch.turn, through, replies, now);
        let committed = self.try_commit(fence, &commit).await.unwrap();
        assert!(matches!(committed, Committed::Now { .. }), "{committed:?}");
    }

    /// Fails the attempt; the next one may follow at `not_before`.
    pub(super) async fn fail(&self, fence: &Fence, turn: TurnId, not_before: Timestamp, now: Timestamp) {
        let next = AfterFailure::Retry { not_before };
        let failure = TurnFailure {
            turn,
            forget_session: false,
            reason: "it broke".to_owned(),
            next,
            now,
        };
        self.store.fail_turn(fence, &failure, self.outbox_id()).await.unwrap();
    }

    /// Gives the messages up to `through` up.
    pub(super) async fn give_up(&self, fence: &Fence, turn: TurnId, through: InboxOrd, now: Timestamp) {
        let next = AfterFailure::DeadLetter {
            through,
            notice: reply("notice", fence.group.as_str(), "sorry"),
        };
        let failure = TurnFailure {
            turn,
            forget_session: false,
            reason: "it broke for good".to_owned(),
            next,
            now,
        };
        self.store.fail_turn(fence, &failure, self.outbox_id()).await.unwrap();
    }

    /// Ends the life of a runner the hard way: it starts again and frees what its past held.
    pub(super) async fn restart(&self, runner: &Runner, now: Timestamp) -> (Runner, Vec<GroupId>) {
        let incarnation = self.store.register_runner(&runner.id, 5, now).await.unwrap();
        let freed = self
            .store
            .free_stale_groups(&runner.id, incarnation, now)
            .await
            .unwrap();
        (
            Runner {
                id: runner.id.clone(),
                incarnation,
            },
            freed,
        )
    }
}

/// Texts of a batch.
pub(super) fn texts(batch: &TurnBatch) -> Vec<&str> {
    batch
        .messages
        .iter()
        .map(|message| message.envelope.text.as_str())
        .collect()
}
