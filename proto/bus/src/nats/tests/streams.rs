//! The stream: made as it must be, refused where it is not.

use async_nats::jetstream::{self, stream};
use servers::{Nats as Server, Version};

use super::world::{Bus, VERSIONS};
use crate::conformance::group;
use crate::conformance::log::{end, give};
use crate::nats::{Config, Problem, Scope};
use crate::{Ingress, Log};

async fn admin(server: &Server) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

async fn settings(server: &Server) -> stream::Config {
    let stream = admin(server).await.get_stream("CLAWHOLD_IN").await.unwrap();
    stream.cached_info().config.clone()
}

#[tokio::test]
async fn the_stream_is_made_as_the_design_says_and_found_again() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        let made = settings(&server).await;
        assert_eq!(made.subjects, ["clawhold.in.*.*"]);
        assert_eq!(made.retention, stream::RetentionPolicy::Limits);
        assert_eq!(made.storage, stream::StorageType::File);
        assert_eq!(made.discard, stream::DiscardPolicy::New);
        assert!(made.discard_new_per_subject && made.allow_direct && made.deny_delete && !made.deny_purge);
        assert_eq!(made.max_messages_per_subject, 10_000);
        assert_eq!(
            (made.max_age.as_secs(), made.duplicate_window.as_secs()),
            (7 * 24 * 3600, 3600)
        );
        assert_eq!(made.max_message_size, 1024 * 1024);
        bus.stop().await;
        let again = Bus::on(&server).ready().await;
        assert_eq!(settings(&server).await, made);
        again.stop().await;
    }
}

#[tokio::test]
async fn a_stream_that_is_not_as_it_must_be_is_refused_with_every_difference() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let other = stream::Config {
            name: "CLAWHOLD_IN".into(),
            subjects: vec!["clawhold.in.>".into()],
            storage: stream::StorageType::Memory,
            ..Default::default()
        };
        admin(&server).await.create_stream(other).await.unwrap();
        let refusal = Bus::on(&server).refusal().await;
        let Problem::Stream { differences, .. } = &refusal else {
            panic!("{refusal:?}");
        };
        let names: Vec<_> = differences
            .iter()
            .map(|difference| difference.setting.as_str())
            .collect();
        let expected = [
            "allow_direct",
            "deny_delete",
            "discard",
            "discard_new_per_subject",
            "duplicate_window",
            "max_age",
            "max_msg_size",
            "max_msgs_per_subject",
            "storage",
            "subjects",
        ];
        assert_eq!(names, expected);
        let text = refusal.to_string();
        for part in [
            "storage is \"memory\" and must be \"file\"",
            "nats stream edit CLAWHOLD_IN",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_was_changed_under_way_is_not_used_until_it_is_right_again() {
    let server = Server::start(Version::V2_15).await;
    let bus = Bus::on(&server).ready().await;
    let good = settings(&server).await;
    let mut bad = good.clone();
    bad.max_age = std::time::Duration::from_secs(3600);
    admin(&server).await.update_stream(&bad).await.unwrap();
    server.restart().await;
    bus.reports("refusal", |problem| matches!(problem, Some(Problem::Stream { .. })))
        .await;
    assert!(
        bus.nats
            .ingress()
            .accept(crate::conformance::message(&group("main"), "a"))
            .await
            .is_err()
    );
    admin(&server).await.update_stream(&good).await.unwrap();
    let bus = bus.ready().await;
    give(&*bus.nats.ingress(), &group("main"), "b").await;
}

#[tokio::test]
async fn the_size_of_the_stream_follows_the_configuration() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let bus = Bus::on(&server).ready().await;
        give(&*bus.nats.ingress(), &group("main"), "kept").await;
        let identity = bus.nats.log().state().await.unwrap().identity;
        bus.stop().await;
        let mut config = Config::new(server.url());
        config.max_bytes = Some(64 * 1024 * 1024);
        let bus = Bus::with(config, Scope::Stream).ready().await;
        assert_eq!(settings(&server).await.max_bytes, 64 * 1024 * 1024);
        assert_eq!(bus.nats.log().state().await.unwrap().identity, identity);
        assert_eq!(end(&*bus.nats.log()).await, 1);
        bus.stop().await;
    }
}

#[tokio::test]
async fn copies_that_the_cluster_cannot_keep_are_told_with_the_setting() {
    let server = Server::start(Version::V2_15).await;
    let mut config = Config::new(server.url());
    config.replicas = 3;
    let text = Bus::with(config, Scope::Stream).problem().await.to_string();
    assert!(text.contains("nats.replicas is 3"), "{text}");
}

#[tokio::test]
async fn a_full_stream_refuses_messages_and_says_so_until_there_is_room() {
    let server = Server::start(Version::V2_15).await;
    let mut config = Config::new(server.url());
    config.max_bytes = Some(16 * 1024 * 1024);
    let bus = Bus::with(config, Scope::Stream).ready().await;
    let (ingress, log, main) = (bus.nats.ingress(), bus.nats.log(), group("main"));
    let large = "x".repeat(256 * 1024);
    let mut taken = 0;
    let refusal = loop {
        let mut envelope = crate::conformance::message(&main, &large);
        envelope.dedup_key = format!("full/{taken}");
        match ingress.accept(envelope).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100);
    };
    assert!(taken > 50, "{taken}");
    let reason = std::error::Error::source(&refusal).unwrap().to_string();
    assert!(reason.contains("maximum bytes exceeded"), "{reason}");
    log.purge(proto::ingest::partition_of(&main), end(&*log).await)
        .await
        .unwrap();
    give(&*ingress, &main, "room").await;
}
