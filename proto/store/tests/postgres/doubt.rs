//! A commit whose answer is lost: the truth is found by doing it again.

use std::time::Duration;

use proto::ids::OutboxId;
use proto::outbound::Reply;
use proto::turn::{Committed, Recorded, TurnState};
use servers::{Postgres, TcpFaults};
use store::{Error, Store};
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::{NOW, begun, chat_of, commit_of, number, open, sql};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_found() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let faults = TcpFaults::start(server.addr()).await;
    let store = open(&faults.through(&url)).await;
    let (fence, batch) = begun(&store, "g", "r").await;
    let (commit, ids) = commit_of(&batch);
    let client = sql(&url).await;

    // The last of the two round trips is the one in doubt: let the first one pass.
    let committing = store.commit_turn(&fence, &commit, &ids);
    let cutting = async {
        // A row lock on the chat holds the first round trip up until the answers are held.
        client
            .batch_execute("BEGIN; SELECT 1 FROM chats FOR UPDATE")
            .await
            .unwrap();
    };
    cutting.await;
    let (committed, ()) = tokio::join!(committing, async {
        until(async || number(&client, "SELECT COUNT(*) FROM pg_locks WHERE NOT granted").await == 1).await;
        faults.delay(Duration::from_millis(100));
        client.batch_execute("COMMIT").await.unwrap();
        until(async || number(&client, "SELECT COUNT(*) FROM pg_locks WHERE NOT granted").await == 0).await;
        until(async || number(&client, "SELECT COUNT(*) FROM turns WHERE state = 'committed'").await == 1).await;
        faults.cut().await;
    });
    assert!(matches!(committed, Err(Error::Unavailable(_))), "{committed:?}");
    faults.heal().await;
    assert_eq!(
        store.commit_turn(&fence, &commit, &ids).await.unwrap(),
        Committed::Before
    );
    assert_eq!(number(&client, "SELECT COUNT(*) FROM outbox").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_made_by_the_next_try() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let faults = TcpFaults::start(server.addr()).await;
    let store = open(&faults.through(&url)).await;
    let (fence, batch) = begun(&store, "g", "r").await;
    let (commit, ids) = commit_of(&batch);
    faults.cut().await;
    let before = Instant::now();
    let cut = store.commit_turn(&fence, &commit, &ids).await;
    assert!(matches!(&cut, Err(Error::Unavailable(_))), "{cut:?}");
    assert!(
        before.elapsed() < Duration::from_secs(1),
        "a refused connection is known at once"
    );
    faults.heal().await;
    assert_eq!(store.turn(batch.turn).await.unwrap().unwrap().state, TurnState::Open);
    assert_eq!(
        store.commit_turn(&fence, &commit, &ids).await.unwrap(),
        Committed::Now { more: false }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_do_not_come_end_the_call_and_not_the_effect() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let faults = TcpFaults::start(server.addr()).await;
    let store = open(&faults.through(&url)).await;
    let (fence, batch) = begun(&store, "g", "r").await;
    let notice = Reply {
        key: "n".to_owned(),
        chat: chat_of("g"),
        text: "notice".to_owned(),
        sender: None,
        extra: None,
    };
    faults.hold_answers();
    let before = Instant::now();
    let put = store.put_notice("n", &notice, OutboxId(Uuid::from_u128(7)), NOW).await;
    assert!(matches!(put, Err(Error::Unavailable(_))), "{put:?}");
    assert!(before.elapsed() < Duration::from_secs(6), "{:?}", before.elapsed());
    faults.heal().await;
    // Which of the two it is depends on how far the call got; twice it is not.
    let again = store
        .put_notice("n", &notice, OutboxId(Uuid::from_u128(8)), NOW)
        .await
        .unwrap();
    assert!(matches!(again, Recorded::New(_) | Recorded::Already(_)));
    let client = sql(&url).await;
    assert_eq!(number(&client, "SELECT COUNT(*) FROM outbox").await, 1);
    // What the lost transaction had locked is free: the next calls are not held up.
    let (commit, ids) = commit_of(&batch);
    assert_eq!(
        store.commit_turn(&fence, &commit, &ids).await.unwrap(),
        Committed::Now { more: false }
    );
}

/// Waits for something to become true in the database.
async fn until(holds: impl AsyncFn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < patience, "it never became true");
        tokio::task::yield_now().await;
    }
}
