//! A NATS server of one's own does what its handle says, in both versions.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions};
use servers::{Nats, Version};

const VERSIONS: [Version; 2] = [Version::V2_10, Version::V2_15];
const STREAM: &str = "KEPT";

async fn keep_one_message(client: &Client) {
    let jetstream = jetstream::new(client.clone());
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["kept.>".to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    jetstream.publish("kept.one", "1".into()).await.unwrap().await.unwrap();
}

async fn kept(nats: &Nats) -> Option<u64> {
    let client = async_nats::connect(nats.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream(STREAM).await.ok()?;
    Some(stream.cached_info().state.messages)
}

#[tokio::test]
async fn each_version_is_the_one_it_is_called() {
    for (version, number) in [(Version::V2_10, "2.10.27"), (Version::V2_15, "2.15.1")] {
        let nats = Nats::start(version).await;
        let client = async_nats::connect(nats.url()).await.unwrap();
        assert_eq!(client.server_info().version, number);
    }
}

#[tokio::test]
async fn streams_survive_a_restart_and_a_kill_but_not_a_wipe() {
    for version in VERSIONS {
        let nats = Nats::start(version).await;
        keep_one_message(&async_nats::connect(nats.url()).await.unwrap()).await;
        nats.restart().await;
        assert_eq!(kept(&nats).await, Some(1));
        nats.kill().await;
        assert!(async_nats::connect(nats.url()).await.is_err());
        nats.restart().await;
        assert_eq!(kept(&nats).await, Some(1));
        nats.wipe().await;
        assert_eq!(kept(&nats).await, None);
    }
}

#[tokio::test]
async fn a_frozen_server_answers_when_it_thaws() {
    let nats = Nats::start(Version::V2_15).await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    client.flush().await.unwrap();
    nats.freeze();
    let question = jetstream::new(client.clone());
    let mut question = Box::pin(question.query_account());
    let silence = tokio::time::timeout(Duration::from_millis(300), &mut question).await;
    assert!(silence.is_err(), "a frozen server answered");
    nats.thaw();
    question.await.unwrap();
}

async fn can_publish(nats: &Nats, options: ConnectOptions) -> bool {
    match options.connect(nats.url()).await {
        Ok(client) => {
            keep_one_message(&client).await;
            true
        }
        Err(_) => false,
    }
}

#[tokio::test]
async fn only_the_password_opens() {
    for version in VERSIONS {
        let nats = Nats::options(version).password("fleet", "open sesame").start().await;
        assert!(!can_publish(&nats, ConnectOptions::new()).await);
        let wrong = ConnectOptions::with_user_and_password("fleet".to_owned(), "wrong".to_owned());
        assert!(!can_publish(&nats, wrong).await);
        let right = ConnectOptions::with_user_and_password("fleet".to_owned(), "open sesame".to_owned());
        assert!(can_publish(&nats, right).await);
    }
}

#[tokio::test]
async fn only_the_key_opens() {
    for version in VERSIONS {
        let nats = Nats::options(version).nkey().start().await;
        assert!(!can_publish(&nats, ConnectOptions::new()).await);
        let seed = nats.keys().nkey_seed.clone().unwrap();
        assert!(can_publish(&nats, ConnectOptions::with_nkey(seed)).await);
    }
}

#[tokio::test]
async fn only_the_credentials_of_this_operator_open() {
    let other = Nats::options(Version::V2_15).credentials().start().await;
    for version in VERSIONS {
        let nats = Nats::options(version).credentials().start().await;
        assert!(!can_publish(&nats, ConnectOptions::new()).await);
        let options = async |nats: &Nats| {
            let file = nats.keys().credentials_file.clone().unwrap();
            ConnectOptions::with_credentials_file(file).await.unwrap()
        };
        assert!(!can_publish(&nats, options(&other).await).await);
        assert!(can_publish(&nats, options(&nats).await).await);
    }
}

#[tokio::test]
async fn tls_is_trusted_through_its_own_authority_only() {
    let other = Nats::options(Version::V2_15).tls().start().await;
    for version in VERSIONS {
        let nats = Nats::options(version).tls().start().await;
        let options = |nats: &Nats| {
            let authority = nats.keys().authority_file.clone().unwrap();
            ConnectOptions::new().require_tls(true).add_root_certificates(authority)
        };
        assert!(!can_publish(&nats, options(&other)).await);
        assert!(can_publish(&nats, options(&nats)).await);
    }
}

#[tokio::test]
async fn a_durable_server_and_one_with_a_line_of_its_own_start() {
    for version in VERSIONS {
        let nats = Nats::options(version).durable().line("max_payload: 4096").start().await;
        let client = async_nats::connect(nats.url()).await.unwrap();
        assert_eq!(client.server_info().max_payload, 4096);
        keep_one_message(&client).await;
    }
}
