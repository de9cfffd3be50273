//! Disks that are full, under Postgres, under NATS, under a runner: what was taken is neither lost nor answered twice, somebody
//! says what is wrong, and all goes on when there is room.

use std::sync::Arc;
use std::time::Duration;

use servers::Version;
use tests::fleet::{Fleet, FleetBuilder, PATIENCE, Service, Tables, check};
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

use super::servers_away::{talk, until_answered};

const MIB: u64 = 1024 * 1024;
/// Room for a database and some segments of its log.
const DATABASE: u64 = 160 * MIB;
/// Room for more messages than anybody has; JetStream reserves for a stream what that may take.
const BROKER: u64 = 64 * MIB;
const STREAM: &str = "[nats]\nmax_mb = 16\n";
/// Room for the files of some groups.
const RUNNER: u64 = 32 * MIB;
/// Sandboxes that do not outlive their turn, so that each turn needs room for another one; and attempts that are soon used up.
const SANDBOXES: &str = "[runner]\nidle_timeout_ms = 200\nretry_backoff_ms = 50\n";

/// What the system says of a full disk.
const NO_ROOM: &str = "No space left on device";
/// What a chat is told while sandboxes cannot be started.
const WAITING: &str = "I cannot start my sandbox right now";
/// How long a disk stays full after that was told: all attempts at a turn take two seconds here.
const OUTAGE: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(100);

/// What a service says of one of its conditions.
async fn reason(service: &Service, condition: &str) -> String {
    let report = service.readiness().await.unwrap_or_default();
    report["conditions"][condition]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Something to say of which a page, of a table or of a file, holds a few.
fn at_length() -> String {
    "so long that a page holds few of it ".repeat(40)
}

/// Makes the database begin a segment of its log; fails when there is no room for one.
async fn begin_segment(fleet: &Fleet) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&fleet.database, NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    let next = "SELECT pg_switch_wal(); SELECT pg_logical_emit_message(TRUE, 'test', 'x')";
    client.batch_execute(next).await
}

/// Every service lives, none has panicked, and every promise is kept.
async fn all_is_well(fleet: &mut Fleet) {
    for service in fleet.services() {
        assert!(
            service.ended().is_none(),
            "{} ended:\n{}",
            service.name(),
            service.log_tail()
        );
        let log = service.log_text();
        assert!(!log.contains("panicked at"), "{}:\n{log}", service.name());
    }
    check(fleet).await;
}

fn with_a_full_database() -> FleetBuilder {
    Fleet::builder().services(1, 1, 2).rooms(4).database_disk(DATABASE)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_room_for_rows_says_so_and_loses_none_that_was_taken() {
    let mut fleet = with_a_full_database().start().await;
    for room in 0..4 {
        fleet.ask(room).await;
    }
    // The log has room for longer than this takes.
    begin_segment(&fleet).await.unwrap();
    fleet.postgres.disk().fill();
    let mut numbers = Vec::new();
    while !reason(&fleet.gateways[0], "indexer").await.contains(NO_ROOM) {
        assert!(numbers.len() < 1_000, "all of it found room\n{}", fleet.logs());
        let number = fleet.platform.say(numbers.len() % 4, &at_length()).await;
        numbers.push(number);
    }
    numbers.extend(talk(&fleet, 4, PAUSE).await);
    tokio::time::sleep(OUTAGE).await;
    let gateway = &fleet.gateways[0];
    assert!(
        gateway.is_ready().await,
        "it takes messages: {:?}",
        gateway.readiness().await
    );
    assert!(gateway.log_text().contains(NO_ROOM), "{}", gateway.log_tail());
    assert!(!fleet.platform.unanswered().is_empty(), "{}", fleet.logs());

    fleet.postgres.disk().free();
    until_answered(&fleet, &numbers).await;
    all_is_well(&mut fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_log_has_no_room_ends_and_goes_on_where_it_was() {
    let mut fleet = with_a_full_database().start().await;
    for room in 0..4 {
        fleet.ask(room).await;
    }
    fleet.postgres.disk().fill();
    // In the middle of what the services do: whatever they were told to commit is in doubt.
    let ends = async {
        tokio::time::sleep(3 * PAUSE).await;
        while begin_segment(&fleet).await.is_ok() {}
    };
    let (mut numbers, ()) = tokio::join!(talk(&fleet, 8, PAUSE), ends);
    fleet
        .until("the end of the database", async || !fleet.postgres.runs())
        .await;
    // Whoever supervises it starts it, again and again.
    for _ in 0..2 {
        let refused = fleet.postgres.start_again().await.unwrap_err().to_string();
        assert!(refused.contains(NO_ROOM), "{refused}");
    }
    fleet
        .until("the trouble to be told", async || {
            reason(&fleet.gateways[0], "indexer").await.contains("Postgres at")
        })
        .await;
    numbers.extend(talk(&fleet, 4, PAUSE).await);
    let gateway = &fleet.gateways[0];
    assert!(
        gateway.is_ready().await,
        "it takes messages: {:?}",
        gateway.readiness().await
    );

    fleet.postgres.disk().free();
    fleet.postgres.start_again().await.unwrap();
    until_answered(&fleet, &numbers).await;
    all_is_well(&mut fleet).await;
}

/// A fleet whose broker has no room, and somebody who goes on talking until all he said was taken.
async fn speaking_to_a_full_broker(version: Version) -> (Fleet, JoinHandle<Vec<u64>>) {
    let builder = Fleet::builder().services(1, 1, 1).rooms(2).nats(version);
    let fleet = builder.broker_disk(BROKER).config(STREAM).start().await;
    for room in 0..2 {
        fleet.ask(room).await;
    }
    fleet.nats.disk().fill();
    let platform = Arc::clone(&fleet.platform);
    let talking = tokio::spawn(async move {
        let mut numbers = Vec::new();
        for round in 0..20 {
            numbers.push(platform.say(round % 2, &at_length()).await);
        }
        numbers
    });
    (fleet, talking)
}

/// What could not be taken is taken now, and everything is answered.
async fn goes_on(mut fleet: Fleet, talking: JoinHandle<Vec<u64>>) {
    let taken = tokio::time::timeout(PATIENCE, talking).await;
    assert!(taken.is_ok(), "messages are still refused\n{}", fleet.logs());
    until_answered(&fleet, &taken.unwrap().unwrap()).await;
    assert_eq!(reason(&fleet.gateways[0], "intake").await, "", "the last one was taken");
    all_is_well(&mut fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_broker_without_room_refuses_with_the_reason_and_takes_again_when_it_has_some() {
    let (fleet, talking) = speaking_to_a_full_broker(Version::V2_10).await;
    fleet
        .until("the reason", async || {
            let log = fleet.gateways[0].log_text();
            log.contains("JetStream takes no message")
                && log.contains("NATS has too little room: its disk")
                && reason(&fleet.gateways[0], "intake").await.contains("too little room")
        })
        .await;
    tokio::time::sleep(OUTAGE).await;
    assert!(!talking.is_finished(), "a full disk takes messages");
    fleet.nats.disk().free();
    goes_on(fleet, talking).await;
}

/// This one takes nothing into a stream after the first write that failed, and answers nobody, until it is started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_room_has_messages_sent_again_until_it_was_restarted_with_some() {
    let (fleet, talking) = speaking_to_a_full_broker(Version::V2_15).await;
    fleet
        .until("the reason", async || {
            let log = fleet.gateways[0].log_text();
            let said = "NATS did not acknowledge the message in time";
            log.contains("a message could not be taken")
                && log.contains(said)
                && reason(&fleet.gateways[0], "intake").await.contains(said)
        })
        .await;
    tokio::time::sleep(OUTAGE).await;
    assert!(!talking.is_finished(), "a full disk takes messages");
    fleet.nats.disk().free();
    fleet.nats.restart().await;
    goes_on(fleet, talking).await;
}

/// Waits until nothing of any sandbox is left on the disk of the first runner.
async fn at_rest(fleet: &Fleet) {
    let runner = &fleet.runners[0];
    let runs = runner.data().join("runners").join(runner.name()).join("runs");
    let tables = Tables::connect(fleet).await;
    fleet
        .until("the sandboxes to be closed", async || {
            let owned = "SELECT COUNT(*) FROM groups WHERE owner IS NOT NULL";
            tables.count(owned).await == 0 && std::fs::read_dir(&runs).unwrap().next().is_none()
        })
        .await;
}

fn with_a_full_runner(runners: usize) -> FleetBuilder {
    let builder = Fleet::builder().services(1, 1, runners).rooms(4);
    builder.runner_disk(RUNNER).config(SANDBOXES)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_wait_and_no_attempt_is_counted_while_a_runner_cannot_write() {
    let mut fleet = with_a_full_runner(1).start().await;
    for room in 0..4 {
        fleet.ask(room).await;
    }
    at_rest(&fleet).await;
    // Directories can be made, and nothing be written into them.
    fleet.runners[0].disk().fill();
    let numbers = talk(&fleet, 8, Duration::ZERO).await;
    fleet
        .until("the trouble to be told", async || {
            reason(&fleet.runners[0], "sandboxes").await.contains(NO_ROOM)
        })
        .await;
    tokio::time::sleep(OUTAGE).await;
    assert!(
        fleet.runners[0].log_text().contains(NO_ROOM),
        "{}",
        fleet.runners[0].log_tail()
    );
    assert!(numbers.iter().all(|number| !fleet.platform.is_answered(*number)));

    fleet.runners[0].disk().free();
    until_answered(&fleet, &numbers).await;
    all_is_well(&mut fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_warm_sandbox_cannot_be_told_on_a_full_disk_waits_without_an_attempt() {
    let builder = Fleet::builder().services(1, 1, 1).rooms(1);
    let mut fleet = builder.runner_disk(RUNNER).start().await;
    fleet.ask(0).await;
    fleet.runners[0].disk().fill();
    let number = fleet.platform.say(0, "").await;
    fleet
        .until("the trouble to be told", async || {
            reason(&fleet.runners[0], "sandboxes").await.contains(NO_ROOM)
        })
        .await;
    fleet.runners[0].disk().free();
    until_answered(&fleet, &[number]).await;
    let log = fleet.runners[0].log_text();
    assert!(!log.contains("turn failed") && !log.contains("turn.attempt=2"), "{log}");
    all_is_well(&mut fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_are_told_once_while_a_runner_can_make_no_directory_and_no_other_serves_them() {
    let mut fleet = with_a_full_runner(1).start().await;
    for room in 0..4 {
        fleet.ask(room).await;
    }
    at_rest(&fleet).await;
    fleet.runners[0].disk().fill();
    fleet.runners[0].disk().crowd();
    let numbers = talk(&fleet, 4, Duration::ZERO).await;
    let told = |room: usize| {
        let spoken = fleet.platform.spoken();
        let notices = spoken
            .iter()
            .filter(|spoken| spoken.room == room && spoken.text.starts_with(WAITING));
        notices.count()
    };
    fleet
        .until("all chats to be told", async || (0..4).all(|room| told(room) > 0))
        .await;
    tokio::time::sleep(OUTAGE).await;
    assert_eq!((0..4).map(told).collect::<Vec<_>>(), [1; 4], "an outage is told once");

    fleet.runners[0].disk().free();
    until_answered(&fleet, &numbers).await;
    all_is_well(&mut fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_starts_without_room_gives_its_groups_to_another() {
    let mut fleet = with_a_full_runner(2).prepare().await;
    fleet.gateways[0].start();
    fleet.schedulers[0].start();
    fleet.runners[0].start();
    let number = fleet.begin_turn(0, "").await;
    fleet.runners[0].kill();
    fleet.runners[0].disk().fill();
    fleet.runners[0].disk().crowd();
    fleet.runners[0].start();
    fleet.runners[1].start();
    let took = fleet
        .within(Duration::from_secs(30), "the other runner to answer", async || {
            fleet.platform.is_answered(number)
        })
        .await;
    assert_eq!(fleet.holder(0).await, 1, "after {took:?}");
    let said = reason(&fleet.runners[0], "sandboxes").await;
    assert!(
        said.contains(NO_ROOM) && fleet.runners[0].runs(),
        "{said}\n{}",
        fleet.logs()
    );
    fleet.runners[0].disk().free();
    all_is_well(&mut fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_groups_of_a_runner_without_room_are_served_by_another_until_it_has_some() {
    let mut fleet = with_a_full_runner(2).prepare().await;
    fleet.gateways[0].start();
    fleet.schedulers[0].start();
    fleet.runners[0].start();
    for room in 0..4 {
        fleet.ask(room).await;
    }
    at_rest(&fleet).await;
    fleet.runners[0].disk().fill();
    fleet.runners[0].disk().crowd();
    fleet.runners[1].start();
    fleet
        .until("the other runner", async || fleet.runners[1].is_ready().await)
        .await;
    for room in 0..4 {
        let took = fleet.ask(room).await;
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert_eq!(fleet.holder(room).await, 1);
    }
    assert!(
        fleet.runners[0].log_text().contains(NO_ROOM),
        "{}",
        fleet.runners[0].log_tail()
    );

    fleet.runners[0].disk().free();
    fleet.runners[1].terminate();
    fleet.runners[1].until_ended().await;
    for room in 0..4 {
        fleet.ask(room).await;
        assert_eq!(fleet.holder(room).await, 0);
    }
    all_is_well(&mut fleet).await;
}
