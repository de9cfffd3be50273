//! What `sslmode` promises, on a server that talks TLS and on one that does not.

use servers::Postgres;
use store::Store;
use store::postgres::{Config, PostgresStore};

use crate::world::NOW;

/// Connects and says whether the connection is encrypted, or why there is none.
async fn encrypted(server: &Postgres, mode: &str, with_authority: bool) -> Result<(), String> {
    let config = Config {
        tls_ca_file: with_authority.then(|| server.authority_file().unwrap().to_owned()),
        ..Config::new(format!("{}?sslmode={mode}", server.url()))
    };
    let store = PostgresStore::connect(&config, NOW)
        .await
        .map_err(|error| error.to_string())?;
    store.check().await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_verified_as_far_as_asked() {
    let server = Postgres::options().tls().start().await;
    for (mode, with_authority) in [
        ("disable", false),
        ("prefer", false),
        ("require", false),
        ("require", true),
        ("verify-ca", true),
        ("verify-full", true),
    ] {
        encrypted(&server, mode, with_authority).await.unwrap();
    }
    for mode in ["verify-ca", "verify-full"] {
        let refused = encrypted(&server, mode, false).await.unwrap_err();
        assert!(refused.contains("TLS") && refused.contains("sslmode"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_used_only_where_that_is_allowed() {
    let server = Postgres::start().await;
    encrypted(&server, "prefer", false).await.unwrap();
    let refused = encrypted(&server, "require", false).await.unwrap_err();
    assert!(refused.contains("server does not support TLS"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_file_of_authorities_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    for (contents, said) in [(None, "ca.pem"), (Some("not a certificate"), "no certificate")] {
        if let Some(contents) = contents {
            std::fs::write(&file, contents).unwrap();
        }
        let config = Config {
            tls_ca_file: Some(file.clone()),
            ..Config::new("postgres://u@127.0.0.1:1/d?sslmode=verify-full")
        };
        let error = PostgresStore::connect(&config, NOW).await.err().unwrap().to_string();
        assert!(
            error.contains("cannot read certificates") && error.contains(said),
            "{error}"
        );
    }
}
