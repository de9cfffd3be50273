//! A pgbouncer behaves as the ones in front of real fleets.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use futures::future::join_all;
use servers::{PgBouncer, Postgres};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn clients_share_the_servers_connections_by_the_transaction() {
    let postgres = Postgres::start().await;
    let bouncer = PgBouncer::start(&postgres).await;
    let url = bouncer.through(&postgres.fresh_database().await);
    let clients = join_all((0..20).map(|_| connect(&url))).await;
    let sleeps = clients.iter().map(|client| async {
        // The simple protocol: a prepared statement would belong to one server connection.
        client
            .batch_execute("BEGIN; SELECT pg_sleep(0.01); COMMIT")
            .await
            .unwrap();
    });
    join_all(sleeps).await;
    let direct = connect(&postgres.url()).await;
    let question = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'fresh%'";
    let shared: i64 = direct.query_one(question, &[]).await.unwrap().get(0);
    assert!((1..=4).contains(&shared), "{shared} server connections for 20 clients");
}

#[tokio::test]
async fn what_a_session_keeps_is_kept_by_the_servers_connection() {
    let postgres = Postgres::start().await;
    let bouncer = PgBouncer::start(&postgres).await;
    let url = bouncer.through(&postgres.fresh_database().await);
    let (one, other) = (connect(&url).await, connect(&url).await);
    one.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let question = "SELECT pg_try_advisory_lock(1)::text";
    let answer = other.simple_query(question).await.unwrap();
    let held = answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    assert_eq!(
        held.as_deref(),
        Some("true"),
        "a lock of one session is granted to another"
    );
}
