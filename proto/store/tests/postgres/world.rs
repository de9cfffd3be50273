//! What the tests of this engine have in common: a store, a way around it, and a group with something to do.

use std::sync::Arc;

use proto::claim::{ClaimRequest, Fence};
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId, InboxOrd, Incarnation, OutboxId, RunnerId, SessionId, TurnId};
use proto::inbound::{Details, Envelope};
use proto::outbound::Reply;
use proto::time::Timestamp;
use proto::turn::{TurnBatch, TurnCommit, Usage};
use store::postgres::{Config, PostgresStore};
use store::{Begun, Store};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) async fn open(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::connect(&Config::new(url), NOW).await.unwrap())
}

/// A connection that is not the store's.
pub(crate) async fn sql(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(connection);
    // It ends with the client.
    driver.detach_all();
    client
}

pub(crate) async fn number(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

pub(crate) fn group_id(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub(crate) fn chat_of(group: &str) -> ChatId {
    ChatId::new(format!("test:{group}"))
}

/// Registers a group with one chat.
pub(crate) async fn register(store: &PostgresStore, name: &str) {
    let group = Group {
        id: group_id(name),
        name: name.to_owned(),
        is_main: false,
        settings: GroupSettings::default(),
        created_at: NOW,
    };
    store.put_group(&group).await.unwrap();
    let seen = ChatSeen {
        id: chat_of(name),
        channel: "test".to_owned(),
        account: "bot".to_owned(),
        name: None,
        is_group_chat: None,
        seen_at: NOW,
        parent: None,
    };
    store.see_chat(&seen).await.unwrap();
    store.register_chat(&seen.id, Some(&group.id)).await.unwrap();
}

pub(crate) fn envelope(group: &str, key: impl Into<String>) -> Envelope {
    Envelope {
        dedup_key: key.into(),
        group: group_id(group),
        chat: chat_of(group),
        sender: "ann".to_owned(),
        sender_name: "Ann".to_owned(),
        text: "hello".to_owned(),
        sent_at: NOW,
        engages: true,
        trace: None,
        task: None,
        details: Details::default(),
    }
}

pub(crate) fn claim(runner: &str, incarnation: Incarnation, free_slots: u32) -> ClaimRequest {
    ClaimRequest {
        runner: RunnerId::new(runner),
        incarnation,
        free_slots,
        // Long after everything became ready, so that every runner may have every group.
        now: NOW + std::time::Duration::from_secs(10),
    }
}

/// A group with one message, claimed and begun.
pub(crate) async fn begun(store: &PostgresStore, group: &str, runner: &str) -> (Fence, TurnBatch) {
    register(store, group).await;
    store
        .append_inbox(&envelope(group, format!("first of {group}")), NOW)
        .await
        .unwrap();
    let life = store.register_runner(&RunnerId::new(runner), 5, NOW).await.unwrap();
    let mut claimed = store.claim_groups(&claim(runner, life, 1)).await.unwrap();
    let fence = claimed.remove(0).fence;
    let Begun::Turn(batch) = store.begin_turn(&fence, TurnId(Uuid::from_u128(1)), NOW).await.unwrap() else {
        panic!("there is a message");
    };
    (fence, *batch)
}

/// A commit of the whole batch with one reply, and the id of its row.
pub(crate) fn commit_of(batch: &TurnBatch) -> (TurnCommit, [OutboxId; 1]) {
    let last = batch.messages.last().unwrap();
    let reply = Reply {
        key: "final".to_owned(),
        chat: last.envelope.chat.clone(),
        text: format!("{} messages", batch.messages.len()),
        sender: None,
        extra: None,
    };
    let commit = TurnCommit {
        turn: batch.turn,
        through: InboxOrd(last.ord.0),
        replies: vec![reply],
        session: Some(SessionId::new("session")),
        snapshot: None,
        usage: Usage::default(),
        cost_micros: None,
        outcome: proto::task::RunOutcome::Answered,
        now: NOW,
    };
    (commit, [OutboxId(Uuid::from_u128(batch.turn.0.as_u128() | (1 << 100)))])
}
