//! Many processes start at once, and versions differ.

use proto::time::Timestamp;
use servers::{PgBouncer, Postgres};
use store::Store;
use store::postgres::{Config, ConnectError, PostgresStore};
use tokio::task::JoinSet;

use crate::world::{NOW, number, open, register, sql};

const REPLICAS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn ten_that_start_at_once_migrate_once() {
    let server = Postgres::start().await;
    let bouncer = PgBouncer::start(&server).await;
    for way in ["direct", "through pgbouncer"] {
        let direct = server.fresh_database().await;
        let url = if way == "direct" {
            direct.clone()
        } else {
            bouncer.through(&direct)
        };
        let mut starting = JoinSet::new();
        for n in 0..REPLICAS {
            let config = Config::new(url.clone());
            starting.spawn(async move {
                let now = Timestamp::from_millis(i64::try_from(n).unwrap());
                PostgresStore::connect(&config, now)
                    .await
                    .unwrap()
                    .check()
                    .await
                    .unwrap();
            });
        }
        starting.join_all().await;
        let client = sql(&direct).await;
        // Each stamps what it applies with its own number.
        let appliers = number(&client, "SELECT COUNT(DISTINCT applied_at) FROM migrations").await;
        assert_eq!(appliers, 1, "{way}");
        assert_eq!(
            number(&client, "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'").await,
            0,
            "{way}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_leaves_the_rows_as_they_are() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    register(&*open(&url).await, "g").await;
    assert_eq!(open(&url).await.groups().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_version_is_refused() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    open(&url).await;
    let client = sql(&url).await;
    let refusal = async || {
        PostgresStore::connect(&Config::new(url.clone()), NOW)
            .await
            .err()
            .unwrap()
    };

    client
        .batch_execute("INSERT INTO migrations VALUES ('29991231235959_add_wings', 'x', 0)")
        .await
        .unwrap();
    let newer = refusal().await;
    assert!(
        matches!(&newer, ConnectError::NewerSchema { migration, .. } if migration == "29991231235959_add_wings"),
        "{newer}"
    );
    assert!(newer.to_string().contains("changed by a newer clawhold"), "{newer}");

    client
        .batch_execute("DELETE FROM migrations WHERE checksum = 'x'; UPDATE migrations SET checksum = 'y'")
        .await
        .unwrap();
    let changed = refusal().await;
    assert!(matches!(changed, ConnectError::ChangedMigration { .. }), "{changed}");
    assert!(!changed.may_pass());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_the_server_can_be_read() {
    let server = Postgres::start().await;
    let url = server.fresh_database().await;
    let (store, client) = (open(&url).await, sql(&url).await);
    let theirs = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";
    let before = number(&client, theirs).await;
    let read = store.server_time().await.unwrap().as_millis();
    assert!((before..=number(&client, theirs).await).contains(&read), "{read}");
}
