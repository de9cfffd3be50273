//! The suites of the ports, and what only several processes can show.

use std::time::Duration;

use proto::ids::RunnerId;
use proto::ingest::partition_of;
use servers::{Nats as Server, Version};

use super::world::{Bus, VERSIONS};
use crate::conformance::log::{end, give, open, texts_of};
use crate::conformance::{self, group, message, soon};
use crate::nats::{Config, Scope};
use crate::{Hint, Hints, Ingress, IngressError, Interest, Log, Room};

#[tokio::test]
async fn the_stream_is_a_log() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        conformance::log::all(&*bus.nats.ingress(), &*bus.nats.log()).await;
        bus.stop().await;
    }
}

#[tokio::test]
async fn core_messages_are_hints() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::with(Config::new(server.url()), Scope::Hints).ready().await;
        conformance::hints::all(&*bus.nats.hints()).await;
        bus.stop().await;
    }
}

#[tokio::test]
async fn one_of_several_runners_hears_that_a_group_is_ready() {
    let server = Server::start(Version::V2_15).await;
    let gateway = Bus::on(&server).ready().await;
    let runners = [Bus::on(&server).ready().await, Bus::on(&server).ready().await];
    let mut listeners: Vec<_> = runners
        .iter()
        .map(|bus| bus.nats.hints().listen(Interest::Ready(Room::Free)))
        .collect();
    let mut full = runners[0].nats.hints().listen(Interest::Ready(Room::Idle));
    let mut direct: Vec<_> = runners
        .iter()
        .map(|bus| bus.nats.hints().listen(Interest::Runner(RunnerId::new("both"))))
        .collect();
    // Once both hear what both hear, both are subscribed.
    soon("both to listen", async {
        for listener in &mut direct {
            loop {
                gateway.nats.hints().publish(Hint::Ready {
                    runner: Some(RunnerId::new("both")),
                });
                let heard = tokio::time::timeout(Duration::from_millis(50), listener.next()).await;
                if matches!(heard, Ok(Some(_))) {
                    break;
                }
            }
        }
    })
    .await;
    const HINTS: usize = 40;
    for _ in 0..HINTS {
        gateway.nats.hints().publish(Hint::Ready { runner: None });
    }
    let mut counts = [0, 0];
    let mut by_the_full = 0;
    let of_all = listeners
        .iter_mut()
        .zip(&mut counts)
        .chain([(&mut full, &mut by_the_full)]);
    for (listener, count) in of_all {
        while let Ok(Some(_)) = tokio::time::timeout(Duration::from_secs(1), listener.next()).await {
            *count += 1;
        }
    }
    assert_eq!(counts[0] + counts[1], HINTS, "{counts:?}");
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    assert_eq!(by_the_full, HINTS, "whoever is full takes it from nobody");
}

#[tokio::test]
async fn what_is_no_message_of_ours_is_read_as_malformed() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let log = bus.nats.log();
    let main = group("main");
    let partition = partition_of(&main);
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    give(&*bus.nats.ingress(), &main, "before").await;
    let subject = format!("clawhold.in.{partition}.main");
    jetstream
        .publish(subject.clone(), "not ours".into())
        .await
        .unwrap()
        .await
        .unwrap();
    let other = serde_json::json!({ "version": 1, "envelope": message(&group("family"), "x") }).to_string();
    jetstream
        .publish(subject.clone(), other.into())
        .await
        .unwrap()
        .await
        .unwrap();
    give(&*bus.nats.ingress(), &main, "after").await;

    let mut reader = open(&*log, &main, 0).await;
    let mut records = Vec::new();
    soon("four records", async {
        while records.len() < 4 {
            records.extend(reader.next(10, Duration::from_millis(3)).await.unwrap());
        }
    })
    .await;
    let malformed = records[1].content.as_ref().unwrap_err();
    assert_eq!(
        (malformed.subject.as_str(), malformed.excerpt.as_str()),
        (subject.as_str(), "not ours")
    );
    assert!(
        records[2]
            .content
            .as_ref()
            .unwrap_err()
            .reason
            .contains("for the group family")
    );
    records.drain(1..3);
    assert_eq!(texts_of(&records), ["before", "after"]);
}

#[tokio::test]
async fn a_message_that_can_never_be_taken_is_refused_as_such() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    // Every character takes six bytes as JSON.
    let huge = message(&group("main"), &"\u{1}".repeat(200 * 1024));
    let refused = bus.nats.ingress().accept(huge).await.unwrap_err();
    assert!(matches!(refused, IngressError::TooLarge { .. }), "{refused:?}");
    // As much as the intake lets through of anything else passes.
    let large = message(&group("main"), &"ü".repeat(128 * 1024));
    bus.nats.ingress().accept(large).await.unwrap();
}

#[tokio::test]
async fn the_trace_rides_in_a_header_too() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let mut envelope = message(&group("main"), "traced");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    envelope.trace = Some(proto::trace::TraceContext::parse(trace).unwrap());
    bus.nats.ingress().accept(envelope.clone()).await.unwrap();
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = jetstream.get_stream("CLAWHOLD_IN").await.unwrap();
    let stored = stream.direct_get(end(&*bus.nats.log()).await).await.unwrap();
    assert_eq!(stored.headers.get("traceparent").unwrap().as_str(), trace);
    assert_eq!(stored.headers.get("Nats-Msg-Id").unwrap().as_str(), envelope.dedup_key);
}

#[tokio::test]
async fn two_installations_share_a_server() {
    let server = Server::start(Version::V2_15).await;
    let first = Bus::on(&server).ready().await;
    let mut config = Config::new(server.url());
    config.prefix = "other".into();
    let second = Bus::with(config, Scope::Stream).ready().await;
    give(&*first.nats.ingress(), &group("main"), "first").await;
    assert_eq!(end(&*second.nats.log()).await, 0);
    give(&*second.nats.ingress(), &group("main"), "second").await;
    let theirs = second.nats.log();
    let records = conformance::log::read(&*theirs, &group("main"), 0, 1).await;
    assert_eq!(texts_of(&records), ["second"]);
    assert_ne!(
        theirs.state().await.unwrap().identity,
        first.nats.log().state().await.unwrap().identity
    );
}
