//! A fleet without its servers, or with wrong ones, says what is wrong and what to do, and recovers by itself.

use std::time::Duration;

use tests::fleet::{Fleet, PATIENCE};

/// What a service says of one of its conditions.
async fn reason(fleet: &Fleet, condition: &str) -> String {
    let report = fleet.gateways[0].readiness().await.unwrap_or_default();
    report["conditions"][condition]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_servers_a_fleet_says_so_and_begins_when_they_are_there() {
    let mut fleet = Fleet::builder().services(1, 1, 1).rooms(1).prepare().await;
    for service in fleet.services() {
        service.links.postgres.cut().await;
        service.links.nats.cut().await;
        service.start();
    }
    for (condition, said) in [("postgres", "cannot reach Postgres"), ("nats", "cannot be reached")] {
        fleet
            .within(PATIENCE, condition, async || {
                reason(&fleet, condition).await.contains(said)
            })
            .await;
    }
    for service in fleet.services() {
        service.links.heal().await;
    }
    fleet.ready().await;
    fleet.ask(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_is_not_in_the_message() {
    let mut fleet = Fleet::builder().services(1, 0, 0).rooms(1).prepare().await;
    let wrong = fleet.database.replacen("://", "://nobody:hunter2-secret@", 1);
    let wrong = match wrong.rsplit_once('@') {
        Some((_, host)) => format!("postgres://nobody:hunter2-secret@{host}"),
        None => wrong,
    };
    fleet.gateways[0].start_with(&[("CLAWHOLD_POSTGRES_URL", &wrong)]);
    fleet
        .within(PATIENCE, "the reason", async || {
            reason(&fleet, "postgres").await.contains("nobody")
        })
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!fleet.gateways[0].log_text().contains("hunter2"), "{}", fleet.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_setting_is_named_with_its_variable() {
    let mut fleet = Fleet::builder().services(1, 0, 0).rooms(1).prepare().await;
    fleet.gateways[0].start_with(&[("CLAWHOLD_POSTGRES_URL", "")]);
    let gateway = &mut fleet.gateways[0];
    gateway.until_ended().await;
    assert!(
        gateway.log_text().contains("CLAWHOLD_POSTGRES_URL"),
        "{}",
        gateway.log_text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_other_settings_is_refused_with_the_differences() {
    let mut fleet = Fleet::builder().services(1, 0, 0).rooms(1).prepare().await;
    let client = async_nats::connect(fleet.nats.url()).await.unwrap();
    let stream = async_nats::jetstream::stream::Config {
        name: "CLAWHOLD_IN".to_owned(),
        subjects: vec!["clawhold.in.*.*".to_owned()],
        retention: async_nats::jetstream::stream::RetentionPolicy::WorkQueue,
        ..Default::default()
    };
    async_nats::jetstream::new(client).create_stream(stream).await.unwrap();
    fleet.gateways[0].start();
    let gateway = &mut fleet.gateways[0];
    gateway.until_ended().await;
    let log = gateway.log_text();
    assert!(log.contains("retention"), "{log}");
}
