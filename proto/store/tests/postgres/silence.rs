//! A server that says nothing: calls end in time, and the pool finds its way back by itself.

use std::time::Duration;

use proto::ids::RunnerId;
use servers::{Postgres, TcpFaults};
use store::{Error, Store};
use tokio::time::Instant;

use crate::world::{NOW, begun, commit_of, number, open, sql};

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_ends_every_call_in_time() {
    let server = Postgres::start().await;
    let store = open(&server.fresh_database().await).await;
    let (fence, batch) = begun(&store, "g", "r").await;
    let (commit, ids) = commit_of(&batch);
    server.freeze();
    let before = Instant::now();
    let beat = store.heartbeat(&RunnerId::new("r"), fence.incarnation).await;
    assert!(matches!(beat, Err(Error::Unavailable(_))), "{beat:?}");
    assert!(
        before.elapsed() < Duration::from_millis(2_300),
        "{:?}",
        before.elapsed()
    );
    let before = Instant::now();
    let committed = store.commit_turn(&fence, &commit, &ids).await;
    assert!(matches!(committed, Err(Error::Unavailable(_))), "{committed:?}");
    assert!(
        before.elapsed() < Duration::from_millis(5_300),
        "{:?}",
        before.elapsed()
    );
    server.thaw();
    store.heartbeat(&RunnerId::new("r"), fence.incarnation).await.unwrap();
    store.commit_turn(&fence, &commit, &ids).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_forgot_are_replaced_unnoticed() {
    let server = Postgres::start().await;
    let faults = TcpFaults::start(server.addr()).await;
    let store = open(&faults.through(&server.fresh_database().await)).await;
    store.check().await.unwrap();
    faults.half_open();
    // Idle for so long, a connection is asked for a sign of life before it is used.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let before = Instant::now();
    store.groups().await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_leaves_nothing_open() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let store = open(&url).await;
    let (fence, batch) = begun(&store, "g", "r").await;
    for micros in (0..3_000).step_by(50) {
        let limit = Duration::from_micros(micros);
        drop(tokio::time::timeout(limit, store.begin_turn(&fence, batch.turn, NOW)).await);
    }
    let client = sql(&url).await;
    let (commit, ids) = commit_of(&batch);
    store.commit_turn(&fence, &commit, &ids).await.unwrap();
    let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(number(&client, idle).await, 0);
}
