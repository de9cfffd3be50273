//! The indexer over the log and the store in memory, with everything that may go wrong between them.

mod faults;
mod world;

use std::time::Duration;

use bus::{Hint, Hints, Interest, Room};
use proto::ids::RunnerId;
use proto::ingest::{Malformed, partition_of};
use store::Letter;

use super::partition::Ticked;
use world::{World, group};

/// Long enough for nothing: what is there is taken at once.
const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn accepted_messages_reach_their_inboxes_in_order() {
    let world = World::new().await;
    for number in 0..20 {
        for name in ["main", "family"] {
            world.say(name, &number.to_string()).await;
        }
    }
    world.indexer().settle().await;
    let expected: Vec<_> = (0..20).map(|number: u32| number.to_string()).collect();
    assert_eq!(world.inbox("main").await, expected);
    assert_eq!(world.inbox("family").await, expected);
}

#[tokio::test]
async fn whoever_is_concerned_is_told_after_the_commit() {
    let world = World::new().await;
    let mut anybody = world.hints().listen(Interest::Ready(Room::Free));
    let mut runner = world.hints().listen(Interest::Runner(RunnerId::new("r")));
    let mut indexer = world.indexer();
    world.say("main", "first").await;
    indexer.settle().await;
    assert_eq!(anybody.next().await, Some(Hint::Ready { runner: None }));
    world.claim("r").await;
    world.say("main", "second").await;
    indexer.settle().await;
    let told = Hint::Inbox {
        group: group("main"),
        owner: Some(RunnerId::new("r")),
        engages: true,
    };
    assert_eq!(runner.next().await, Some(told));
}

#[tokio::test]
async fn what_nobody_can_read_becomes_a_dead_letter_and_the_rest_goes_on() {
    let world = World::new().await;
    let malformed = Malformed {
        subject: "clawhold.in.3.main".into(),
        reason: "no message of ours".into(),
        excerpt: "{".into(),
    };
    world.say("main", "before").await;
    world
        .log
        .append_malformed(partition_of(&group("main")), malformed.clone());
    world.say("nobody-registered-this", "lost").await;
    world.say("main", "after").await;
    world.indexer().settle().await;
    assert_eq!(world.inbox("main").await, ["before", "after"]);
    let letters = world.store.dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 2);
    assert!(
        letters
            .iter()
            .any(|letter| letter.letter == Letter::Malformed(malformed.clone()))
    );
}

#[tokio::test]
async fn who_is_overtaken_stands_by_until_nobody_works() {
    let world = World::new().await;
    let (mut first, mut second) = (world.indexer(), world.indexer());
    world.say("main", "a").await;
    let partition = partition_of(&group("main"));
    // Both read the message; one of them commits.
    assert_eq!(first.open(partition).await, Ticked::Nothing);
    assert_eq!(second.open(partition).await, Ticked::Nothing);
    world.say("main", "b").await;
    assert_eq!(first.tick(partition).await, Ticked::Indexed);
    assert_eq!(second.tick(partition).await, Ticked::Overtaken);
    assert!(second.stands_by(partition));
    // The first goes on without being disturbed.
    for text in ["c", "d"] {
        world.say("main", text).await;
        second.look().await;
        assert_eq!(second.tick(partition).await, Ticked::Nothing);
        assert_eq!(first.tick(partition).await, Ticked::Indexed);
    }
    assert!(second.stands_by(partition));
    // The first is gone: two looks later the second takes over.
    drop(first);
    world.say("main", "e").await;
    for _ in 0..2 {
        second.look().await;
        assert_eq!(second.tick(partition).await, Ticked::Nothing);
    }
    assert_eq!(second.tick(partition).await, Ticked::Indexed);
    assert_eq!(world.inbox("main").await, ["a", "b", "c", "d", "e"]);
    assert_eq!(second.overtaken(), 1);
}

#[tokio::test]
async fn only_what_is_committed_is_purged() {
    let world = World::new().await;
    let mut indexer = world.indexer();
    world.say("main", "a").await;
    world.say("family", "b").await;
    indexer.tick(partition_of(&group("main"))).await;
    indexer.look().await;
    assert_eq!(world.log.len(), 1);
    indexer.settle().await;
    // Not before its time.
    indexer.look().await;
    assert_eq!(world.log.len(), 1);
    world.clock.advance(Duration::from_secs(31));
    indexer.look().await;
    assert_eq!(world.log.len(), 0);
    world.say("main", "c").await;
    indexer.settle().await;
    assert_eq!(world.inbox("main").await, ["a", "c"]);
}

#[tokio::test]
async fn what_one_group_sent_at_once_is_purged_before_its_time() {
    let world = World::new().await;
    let mut indexer = world.indexer();
    indexer.look().await;
    for number in 0..2_000 {
        world.say("main", &number.to_string()).await;
    }
    indexer.look().await;
    assert_eq!(world.log.len(), 2_000, "nothing is indexed yet");
    indexer.settle().await;
    indexer.look().await;
    assert_eq!(world.log.len(), 0);
    world.say("main", "little").await;
    indexer.settle().await;
    indexer.look().await;
    assert_eq!(world.log.len(), 1, "little waits for its time");
}

#[tokio::test]
async fn the_lag_is_the_age_of_the_oldest_message_that_waits() {
    let world = World::new().await;
    let mut indexer = world.indexer();
    indexer.settle().await;
    assert_eq!(indexer.look().await, Duration::ZERO);
    world.say("main", "a").await;
    world.clock.advance(Duration::from_secs(7));
    world.say("family", "b").await;
    assert_eq!(indexer.look().await, Duration::from_secs(7));
    indexer.settle().await;
    assert_eq!(indexer.look().await, Duration::ZERO);
}

#[tokio::test]
async fn a_new_log_is_indexed_from_its_beginning() {
    let world = World::new().await;
    let mut indexer = world.indexer();
    world.say("main", "a").await;
    world.say("main", "b").await;
    indexer.settle().await;
    world.log.wipe();
    world.clock.advance(Duration::from_secs(31));
    // The platform sends again what it is not sure of.
    world.say("main", "b").await;
    world.say("main", "c").await;
    // A purge at the wrong moment must not remove what the old cursors seem to cover.
    indexer.look().await;
    assert_eq!(world.log.len(), 2);
    indexer.settle().await;
    assert_eq!(world.inbox("main").await, ["a", "b", "c"]);
    assert_eq!(world.store.partition_cursors().await.unwrap()[0].generation, 2);
}

#[tokio::test]
async fn a_log_that_lost_indexed_messages_is_indexed_again() {
    let world = World::new().await;
    let mut indexer = world.indexer();
    for text in ["a", "b", "c"] {
        world.say("main", text).await;
    }
    indexer.settle().await;
    world.log.roll_back(1);
    world.say("main", "d").await;
    world.clock.advance(Duration::from_secs(31));
    indexer.look().await;
    assert_eq!(
        world.log.len(),
        2,
        "nothing may be purged by cursors beyond the log's end"
    );
    indexer.settle().await;
    assert_eq!(world.inbox("main").await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_log_that_comes_back_is_read_on() {
    let world = World::new().await;
    let mut indexer = world.indexer();
    world.say("main", "a").await;
    indexer.settle().await;
    world.log.set_down(true);
    assert!(indexer.try_tick(partition_of(&group("main")), NOW).await.is_err());
    world.log.set_down(false);
    world.say("main", "b").await;
    indexer.settle().await;
    assert_eq!(world.inbox("main").await, ["a", "b"]);
}

#[tokio::test]
async fn two_gateways_index_everything_once_and_waste_little() {
    let world = World::new().await;
    let (first, second) = (world.indexer(), world.indexer());
    let metrics = [first.metrics.clone(), second.metrics.clone()];
    const MESSAGES: usize = 500;
    let speak = async {
        for number in 0..MESSAGES {
            for name in ["main", "family", "team-1"] {
                world.say(name, &number.to_string()).await;
            }
            if number % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        world.until_indexed(3 * MESSAGES).await;
    };
    tokio::select! {
        () = first.run() => {}
        () = second.run() => {}
        () = speak => {}
    }
    let expected: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    for name in ["main", "family", "team-1"] {
        assert_eq!(world.inbox(name).await, expected);
    }
    let wasted: u64 = metrics.iter().map(super::IndexerMetrics::overtaken).sum();
    assert!(wasted <= 20, "{wasted} batches were wasted");
}

#[tokio::test]
async fn a_gateway_that_dies_is_replaced_within_about_a_second() {
    let world = World::new().await;
    let (mut first, mut second) = (world.indexer(), world.indexer());
    let partition = partition_of(&group("main"));
    first.open(partition).await;
    second.open(partition).await;
    world.say("main", "a").await;
    assert_eq!(first.tick(partition).await, Ticked::Indexed);
    assert_eq!(second.tick(partition).await, Ticked::Overtaken);
    drop(first);
    let begin = tokio::time::Instant::now();
    world.say("main", "b").await;
    tokio::select! {
        () = second.run() => {}
        () = world.until_indexed(2) => {}
    }
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(2_000), "{took:?}");
    assert_eq!(world.inbox("main").await, ["a", "b"]);
}
