//! The conformance suite, every case in a database of its own on one server: a server per case would take minutes.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use proto::ids::RunnerId;
use proto::time::Timestamp;
use servers::{PgBouncer, Postgres};
use store::Store;
use store::conformance::{World, cases};
use store::postgres::{Config, PostgresStore, Prepare};
use tokio::task::JoinSet;

/// Cases at a time: each has a few connections, and the machine few cores.
const AT_ONCE: usize = 6;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds() {
    let server = Postgres::start().await;
    run_suite(&server, Config::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds_with_prepared_statements() {
    let server = Postgres::start().await;
    let prepared = |url: String| Config {
        prepare: Prepare::Always,
        ..Config::new(url)
    };
    run_suite(&server, prepared).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds_behind_a_pgbouncer_that_lends_connections_per_transaction() {
    let server = Postgres::start().await;
    let bouncer = PgBouncer::start(&server).await;
    run_suite(&server, |url| Config::new(bouncer.through(&url))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_share_the_connections_of_a_pooler_find_that_out_and_do_not_disturb_one_another() {
    let server = Postgres::start().await;
    let bouncer = PgBouncer::start(&server).await;
    let url = bouncer.through(&server.fresh_database().await);
    let work = (0..12).map(|number| {
        let config = Config::new(url.clone());
        async move {
            let store = PostgresStore::connect(&config, Timestamp::default()).await.unwrap();
            let runner = RunnerId::new(format!("r{number}"));
            let life = store.register_runner(&runner, 1, Timestamp::default()).await.unwrap();
            for _ in 0..50 {
                store.heartbeat(&runner, life).await.unwrap();
                assert!(store.groups().await.unwrap().is_empty());
            }
        }
    });
    futures::future::join_all(work).await;
}

/// Runs all cases and names all that fail.
async fn run_suite(server: &Postgres, config: impl Fn(String) -> Config) {
    let config = &config;
    let failed: Vec<_> = futures::stream::iter(cases())
        .map(|(name, case)| async move {
            // What a call means is checked, not how long a busy machine takes for it.
            let config = Config {
                statement_timeout: PATIENCE,
                ..config(server.fresh_database().await)
            };
            let store = PostgresStore::connect(&config, Timestamp::default()).await.unwrap();
            // A task of its own, so that one that panics leaves the others alone.
            let mut task = JoinSet::new();
            task.spawn(case(World::new(Arc::new(store), ())));
            task.join_next().await.unwrap().is_err().then_some(name)
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |failed| failed)
        .collect()
        .await;
    assert!(failed.is_empty(), "{failed:#?} of {} cases", cases().len());
}
