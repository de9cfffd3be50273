//! Ways to log in, and what is said of those that fail.

use std::path::PathBuf;
use std::time::Duration;

use servers::{Nats as Server, Version};

use super::world::{Bus, VERSIONS};
use crate::conformance::log::give;
use crate::conformance::{group, soon};
use crate::nats::{Config, Login, Problem, Scope, client};

fn password(server: &Server, password: &str) -> Config {
    let mut config = Config::new(server.url());
    config.login = Login::Password {
        user: "clawhold".into(),
        password: password.into(),
    };
    config
}

async fn works(config: Config) {
    let bus = Bus::with(config, Scope::Stream).ready().await;
    give(&*bus.nats.ingress(), &group("main"), "hello").await;
    bus.stop().await;
}

async fn fails(config: Config) -> Problem {
    Bus::with(config, Scope::Stream).problem().await
}

#[tokio::test]
async fn a_password_lets_in_and_a_wrong_one_is_named() {
    for version in VERSIONS {
        let server = Server::options(version).password("clawhold", "secret").start().await;
        works(password(&server, "secret")).await;
        for wrong in [password(&server, "other"), Config::new(server.url())] {
            let problem = fails(wrong).await;
            assert!(matches!(problem, Problem::Login { .. }), "{problem:?}");
            assert!(
                problem
                    .to_string()
                    .contains("check the user and password, or the token, in nats.url")
            );
        }
    }
}

#[tokio::test]
async fn a_key_lets_in() {
    let server = Server::options(Version::V2_15).nkey().start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seed");
    std::fs::write(&path, format!("{}\n", server.keys().nkey_seed.clone().unwrap())).unwrap();
    let mut config = Config::new(server.url());
    config.login = Login::NkeySeedFile(path.clone());
    works(config.clone()).await;

    std::fs::write(&path, "nonsense").unwrap();
    let problem = fails(config.clone()).await;
    assert!(problem.to_string().contains("it holds no user seed"), "{problem}");
    config.login = Login::NkeySeedFile(PathBuf::from("/nowhere/seed"));
    let text = fails(config).await.to_string();
    assert!(
        text.starts_with("nats.nkey_file: /nowhere/seed cannot be used"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_that_was_replaced_is_read_anew_by_a_client_that_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (users, seed) = (dir.path().join("users.conf"), dir.path().join("seed"));
    let know = |key: &nkeys::KeyPair| {
        let text = format!("authorization {{ users: [ {{ nkey: {} }} ] }}\n", key.public_key());
        std::fs::write(&users, text).unwrap();
    };
    let (old, new) = (nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user());
    know(&old);
    std::fs::write(&seed, old.seed().unwrap()).unwrap();
    // Includes are relative to the server's own directory.
    let include = format!("include \"{}{}\"", "../".repeat(20), users.display());
    let server = Server::options(Version::V2_15).line(&include).start().await;
    let mut config = Config::new(server.url());
    config.login = Login::NkeySeedFile(seed.clone());
    let client = client(&config).await.unwrap();
    let answers = async || {
        let asked = client.request("$JS.API.INFO", "".into());
        matches!(tokio::time::timeout(Duration::from_secs(1), asked).await, Ok(Ok(_)))
    };
    soon("an answer", async { while !answers().await {} }).await;

    know(&new);
    server.restart().await;
    assert!(!answers().await, "the old key is known no more");
    std::fs::write(&seed, new.seed().unwrap()).unwrap();
    soon("an answer", async { while !answers().await {} }).await;
}

#[tokio::test]
async fn a_credentials_file_lets_in() {
    let server = Server::options(Version::V2_15).credentials().start().await;
    let mut config = Config::new(server.url());
    config.login = Login::CredentialsFile(server.keys().credentials_file.clone().unwrap());
    let bus = Bus::with(config, Scope::Hints).ready().await;
    bus.stop().await;
}

#[tokio::test]
async fn tls_is_spoken_with_those_who_can_be_trusted_only() {
    for version in VERSIONS {
        let server = Server::options(version).tls().start().await;
        let mut config = Config::new(server.url());
        config.tls.ca_file = server.keys().authority_file.clone();
        config.tls.required = true;
        works(config).await;
        // The system's authorities did not sign it.
        let problem = fails(Config::new(server.url())).await;
        assert!(matches!(problem, Problem::Tls { .. }), "{problem:?}");
        assert!(problem.to_string().contains("check nats.ca_file"));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to_where_tls_is_required() {
    let server = Server::start(Version::V2_15).await;
    let mut config = Config::new(server.url());
    config.tls.required = true;
    let problem = fails(config).await;
    assert!(matches!(problem, Problem::Tls { .. }), "{problem:?}");
}

#[tokio::test]
async fn an_account_without_jetstream_is_told_how_to_get_it() {
    for version in VERSIONS {
        let server = Server::options(version)
            .line("accounts { PLAIN { users: [ { user: clawhold, password: secret } ] } }")
            .start()
            .await;
        let problem = fails(password(&server, "secret")).await;
        assert!(matches!(problem, Problem::NoJetStream { .. }), "{problem:?}");
        // Hints need none.
        Bus::with(password(&server, "secret"), Scope::Hints)
            .ready()
            .await
            .stop()
            .await;
    }
}

#[tokio::test]
async fn a_login_that_may_not_use_jetstream_is_told_what_to_grant() {
    for version in VERSIONS {
        let server = Server::options(version)
            .line(
                "authorization { users: [ { user: clawhold, password: secret, \
                 permissions: { publish: [\"clawhold.>\"], subscribe: [\"clawhold.>\", \"_INBOX.>\"] } } ] }",
            )
            .start()
            .await;
        let bus = Bus::with(password(&server, "secret"), Scope::Stream);
        let problem = bus.problem().await;
        assert!(matches!(problem, Problem::NotPermitted { .. }), "{problem:?}");
        assert!(problem.to_string().contains("$JS.API.>"), "{problem}");
    }
}
