//! Postgres and NATS go away and come back: nobody notices, or everybody waits and goes on.

use std::time::Duration;

use tests::fleet::{Fleet, Tables, check};

/// Says something again and again, in one of four rooms after the other; returns the numbers.
pub(super) async fn talk(fleet: &Fleet, rounds: usize, pause: Duration) -> Vec<u64> {
    let mut numbers = Vec::new();
    for round in 0..rounds {
        numbers.push(fleet.platform.say(round % 4, "").await);
        tokio::time::sleep(pause).await;
    }
    numbers
}

pub(super) async fn until_answered(fleet: &Fleet, numbers: &[u64]) {
    fleet
        .until("the answers", async || {
            numbers.iter().all(|number| fleet.platform.is_answered(*number))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_is_noticed_by_nobody() {
    let fleet = Fleet::builder().services(1, 1, 2).rooms(4).start().await;
    fleet.ask(0).await;
    let (numbers, ()) = tokio::join!(talk(&fleet, 8, Duration::from_millis(100)), fleet.postgres.restart());
    until_answered(&fleet, &numbers).await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_standby_takes_over_loses_nothing() {
    let fleet = Fleet::builder().services(2, 2, 2).rooms(4).standby().start().await;
    fleet.ask(0).await;
    let change = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fleet.postgres.stop_hard().await;
        // As long as it takes to be noticed by whoever promotes.
        tokio::time::sleep(Duration::from_secs(3)).await;
        fleet.standby.as_ref().unwrap().promote().await;
    };
    let pause = Duration::from_millis(50);
    let (mut numbers, ()) = tokio::join!(talk(&fleet, 20, pause), change);
    numbers.extend(talk(&fleet, 8, pause).await);
    until_answered(&fleet, &numbers).await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_broker_delays_messages_and_loses_none() {
    let fleet = Fleet::builder().services(2, 1, 1).rooms(4).start().await;
    fleet.ask(0).await;
    let (numbers, ()) = tokio::join!(talk(&fleet, 8, Duration::from_millis(100)), fleet.nats.restart());
    until_answered(&fleet, &numbers).await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_everything_starts_a_new_generation() {
    let fleet = Fleet::builder().services(1, 1, 1).rooms(2).start().await;
    for room in 0..2 {
        fleet.ask(room).await;
    }
    fleet.nats.wipe().await;
    for room in 0..2 {
        fleet.ask(room).await;
    }
    let tables = Tables::connect(&fleet).await;
    assert_eq!(
        tables.count("SELECT MAX(generation) FROM partitions").await,
        2,
        "{}",
        fleet.logs()
    );
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_store_of_files_to_begin() {
    // The discard port: nobody serves there.
    let nowhere = "[blobs]\nstore = \"s3\"\n[blobs.s3]\nendpoint = \"http://127.0.0.1:9\"\nallow_http = true\n\
                   bucket = \"b\"\nregion = \"r\"\naccess_key_id = \"k\"\nsecret_access_key = \"s\"\n";
    let builder = Fleet::builder().services(1, 1, 1).rooms(1).config(nowhere);
    let mut fleet = builder.prepare().await;
    for service in fleet.services() {
        service.start();
    }
    for service in [&fleet.schedulers[0], &fleet.runners[0]] {
        fleet
            .until("the start", async || {
                let report = service.readiness().await.unwrap_or_default();
                report["conditions"]["start"]["state"] == "ok" && report["conditions"]["blobs"]["state"] == "degraded"
            })
            .await;
    }
    let tables = Tables::connect(&fleet).await;
    fleet
        .until("a leader and a runner", async || {
            tables
                .count("SELECT COUNT(*) FROM leaders WHERE holder IS NOT NULL")
                .await
                > 0
                && tables.count("SELECT COUNT(*) FROM runners WHERE heartbeat > 0").await > 0
        })
        .await;
}
