//! What cannot work is refused at the start with what to do about it, and never shows the password.

use servers::Postgres;
use store::postgres::{Config, ConnectError, PostgresStore};

use crate::world::{NOW, sql};

async fn refusal(url: &str) -> (ConnectError, String) {
    let error = PostgresStore::connect(&Config::new(url), NOW).await.err().unwrap();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2"), "{text}");
    let said = error.to_string();
    (error, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named() {
    let directory = tempfile::Builder::new()
        .permissions(world_readable(0o755))
        .tempdir()
        .unwrap();
    let rules = directory.path().join("pg_hba.conf");
    // The superuser of the tests needs none; everybody else does.
    std::fs::write(
        &rules,
        "host all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n",
    )
    .unwrap();
    std::fs::set_permissions(&rules, world_readable(0o644)).unwrap();
    let server = Postgres::options()
        .set("hba_file", rules.to_str().unwrap())
        .start()
        .await;
    sql(&server.url())
        .await
        .batch_execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        .await
        .unwrap();
    let addr = server.addr();
    let (error, said) = refusal(&format!("postgres://app:hunter2@{addr}/postgres")).await;
    assert!(matches!(error, ConnectError::Refused { .. }) && !error.may_pass());
    assert!(
        said.starts_with(&format!("Postgres at {addr} refused the password")),
        "{said}"
    );
    let (_, said) = refusal(&format!("postgres://app@{addr}/postgres")).await;
    assert!(said.contains("password"), "{said}");
    let (_, said) = refusal(&format!("postgres://app:right@{addr}/postgres")).await;
    assert!(
        said.contains("owner of the database") && said.contains("permission denied"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_exist_is_named() {
    let server = Postgres::start().await;
    let (error, said) = refusal(
        &server
            .url()
            .replace("/postgres", "/nowhere")
            .replacen('@', ":hunter2@", 1),
    )
    .await;
    assert!(matches!(error, ConnectError::Refused { .. }));
    assert!(
        said.contains("database \"nowhere\" does not exist") && said.contains("CREATE DATABASE"),
        "{said}"
    );
    server.stop_hard().await;
    let (error, said) = refusal(&server.url()).await;
    assert!(error.may_pass(), "it may come up yet");
    assert!(
        said.contains("cannot reach Postgres at") && said.contains("refused"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_not_used() {
    let server = Postgres::options()
        .set("default_transaction_read_only", "on")
        .start()
        .await;
    let (error, said) = refusal(&server.url()).await;
    assert!(error.may_pass(), "a standby may be promoted");
    assert!(said.contains("does not allow writes"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_another_encoding_is_refused() {
    let server = Postgres::start().await;
    let make = "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    sql(&server.url()).await.batch_execute(make).await.unwrap();
    let (error, said) = refusal(&server.url().replace("/postgres", "/latin")).await;
    assert!(matches!(error, ConnectError::Unsuitable { .. }));
    assert!(said.contains("LATIN1"), "{said}");
}

fn world_readable(mode: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}
