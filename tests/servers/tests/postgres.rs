//! A Postgres of one's own does what its handle says.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use servers::Postgres;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

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
async fn what_is_committed_is_at_the_standby_which_takes_writes_once_promoted() {
    let postgres = Postgres::start().await;
    let url = postgres.fresh_database().await;
    let standby = postgres.standby().await;
    let make = "CREATE TABLE kept AS SELECT 7 AS n";
    connect(&url).await.batch_execute(make).await.unwrap();
    postgres.stop_hard().await;
    let client = connect(&url.replace(&postgres.addr().to_string(), &standby.addr().to_string())).await;
    assert!(client.batch_execute("UPDATE kept SET n = 8").await.is_err());
    standby.promote().await;
    client.batch_execute("UPDATE kept SET n = n + 1").await.unwrap();
    let row = client.query_one("SELECT n FROM kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 8);
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

async fn answers_with_tls(postgres: &Postgres, authority: &Path) -> bool {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let url = format!("{}?sslmode=require", postgres.url());
    tokio_postgres::connect(&url, MakeRustlsConnect::new(config))
        .await
        .is_ok()
}

#[tokio::test]
async fn tls_is_trusted_through_its_own_authority_only() {
    let (one, other) = tokio::join!(Postgres::options().tls().start(), Postgres::options().tls().start());
    assert!(answers_with_tls(&one, one.authority_file().unwrap()).await);
    assert!(!answers_with_tls(&one, other.authority_file().unwrap()).await);
    assert_eq!(Postgres::start().await.authority_file(), None);
}

#[tokio::test]
async fn a_setting_reaches_the_server() {
    let postgres = Postgres::options().set("lock_timeout", "7s").start().await;
    let row = connect(&postgres.url())
        .await
        .query_one("SHOW lock_timeout", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "7s");
}
