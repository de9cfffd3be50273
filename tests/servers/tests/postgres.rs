//! A Postgres of one's own does what its handle says.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::time::Duration;

use servers::Postgres;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn databases_of_one_server_do_not_meet() {
    let postgres = Postgres::start().await;
    let (one, other) = tokio::join!(postgres.fresh_database(), postgres.fresh_database());
    let one = connect(&one).await;
    let other = connect(&other).await;
    one.batch_execute("CREATE TABLE here (n int)").await.unwrap();
    assert!(other.query("SELECT n FROM here", &[]).await.is_err());
}

#[tokio::test]
async fn what_is_committed_survives_every_way_to_stop() {
    let postgres = Postgres::start().await;
    let url = postgres.fresh_database().await;
    connect(&url)
        .await
        .batch_execute("CREATE TABLE kept AS SELECT 7 AS n")
        .await
        .unwrap();
    postgres.restart().await;
    postgres.stop_hard().await;
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
    postgres.restart().await;
    let row = connect(&url).await.query_one("SELECT n FROM kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
}

#[tokio::test]
async fn a_frozen_server_answers_when_it_thaws() {
    let postgres = Postgres::start().await;
    let client = connect(&postgres.url()).await;
    postgres.freeze();
    let mut question = Box::pin(client.query_one("SELECT 1", &[]));
    let silence = tokio::time::timeout(Duration::from_millis(300), &mut question).await;
    assert!(silence.is_err(), "a frozen server answered");
    postgres.thaw();
    question.await.unwrap();
}

#[tokio::test]
async fn only_a_durable_server_forces_commits_to_disk() {
    for (options, fsync) in [(Postgres::options(), "off"), (Postgres::options().durable(), "on")] {
        let postgres = options.start().await;
        let row = connect(&postgres.url())
            .await
            .query_one("SHOW fsync", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), fsync);
    }
}
