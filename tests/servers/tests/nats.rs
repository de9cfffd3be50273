//! A NATS server of one's own does what its handle says, in both versions.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, stream};
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
