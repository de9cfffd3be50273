use std::sync::Arc;
use std::time::Duration;

use proto::group::{ChatSeen, Group};
use proto::ids::{ChatId, GroupId};
use proto::time::{Clock, Monotonic};
use store::outage::Manners;

use super::known::Known;
use super::*;
use crate::world::World;

async fn name_of(directory: &Directory, id: &GroupId) -> String {
    directory.group(id).await.unwrap().unwrap().name.clone()
}

async fn rename(world: &World, id: &GroupId, name: &str) {
    let group = world.store.group(id).await.unwrap().unwrap();
    let renamed = Group {
        name: name.into(),
        ..group
    };
    world.store.put_group(&renamed).await.unwrap();
}

#[tokio::test]
async fn a_change_made_elsewhere_is_seen_after_two_seconds_at_the_latest() {
    let world = World::new();
    let (id, directory) = (world.group("team", false).await, world.directory());
    assert_eq!(name_of(&directory, &id).await, "team");
    rename(&world, &id, "crew").await;
    assert_eq!(name_of(&directory, &id).await, "team", "no read for every message");
    world.clock.advance(FRESH);
    assert_eq!(name_of(&directory, &id).await, "crew");
}

#[tokio::test]
async fn a_change_made_here_holds_at_once() {
    let world = World::new();
    let (id, directory) = (world.group("team", false).await, world.directory());
    let seen = world.seen("test:1");
    assert_eq!(directory.chat(&seen).await.unwrap().group, None);
    name_of(&directory, &id).await;

    rename(&world, &id, "crew").await;
    directory.forget_group(&id);
    assert_eq!(name_of(&directory, &id).await, "crew");
    directory.register(&seen.id, &id).await.unwrap();
    assert_eq!(directory.chat(&seen).await.unwrap().group, Some(id.clone()));
    world.store.remove_group(&id).await.unwrap();
    directory.forget_group(&id);
    assert_eq!(directory.chat(&seen).await.unwrap().group, None);
    assert!(directory.group(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_chat_that_was_registered_elsewhere_is_heard_soon() {
    let world = World::new();
    let (id, directory) = (world.group("team", false).await, world.directory());
    let seen = world.seen("test:1");
    assert_eq!(directory.chat(&seen).await.unwrap().group, None);
    world.store.register_chat(&seen.id, Some(&id)).await.unwrap();
    world.clock.advance(FRESH_UNREGISTERED);
    assert_eq!(directory.chat(&seen).await.unwrap().group, Some(id));
}

#[tokio::test]
async fn while_the_store_is_away_what_is_known_is_believed_on_and_nothing_waits() {
    for manners in [Manners::Refuses, Manners::IsSilent] {
        let world = World::new();
        let (id, directory) = (world.group("team", false).await, world.directory());
        let chat = world.chat("test:1", &id).await;
        let (known, unknown) = (world.seen("test:1"), world.seen("test:2"));
        directory.chat(&known).await.unwrap();
        name_of(&directory, &id).await;
        world.outage.set(manners);
        world.clock.advance(Duration::from_secs(3_600));
        let lookups = async {
            for _ in 0..1_000 {
                assert_eq!(directory.chat(&known).await.unwrap().id, chat);
                assert_eq!(name_of(&directory, &id).await, "team");
                let refused = directory.chat(&unknown).await;
                assert!(matches!(refused, Err(store::Error::Unavailable(_))), "{manners:?}");
            }
        };
        // Two reads at most wait for their time-out, not three thousand.
        tokio::time::timeout(Duration::from_secs(10), lookups).await.unwrap();

        world.outage.set(Manners::Answers);
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(directory.chat(&unknown).await.unwrap().group, None, "{manners:?}");
    }
}

#[tokio::test]
async fn what_has_not_been_read_for_a_day_is_not_believed() {
    let world = World::new();
    let (id, directory) = (world.group("team", false).await, world.directory());
    name_of(&directory, &id).await;
    world.outage.set(Manners::Refuses);
    world.clock.advance(STALE_MAX);
    assert!(directory.group(&id).await.is_err());
}

#[tokio::test]
async fn an_abandoned_read_does_not_keep_others_from_reading() {
    let world = World::new();
    let (id, directory) = (world.group("team", false).await, world.directory());
    name_of(&directory, &id).await;
    rename(&world, &id, "crew").await;
    world.outage.set(Manners::IsSilent);
    world.clock.advance(FRESH);
    let abandoned = tokio::time::timeout(Duration::from_millis(20), directory.group(&id)).await;
    assert!(abandoned.is_err());
    world.outage.set(Manners::Answers);
    assert_eq!(name_of(&directory, &id).await, "crew");
}

#[test]
fn what_was_being_read_when_it_was_forgotten_is_not_kept() {
    let known: Known<u8, u8> = Known::new();
    let mark = known.mark();
    known.forget(&1);
    known.keep(mark, &1, Arc::new(1), Monotonic::default());
    assert!(known.get(&1).is_none());
    known.keep(known.mark(), &1, Arc::new(2), Monotonic::default());
    assert_eq!(*known.get(&1).unwrap().value, 2);
}

/// Takes an event in and lets what is worth writing be written; returns what the store says then.
async fn hear(world: &World, directory: &Directory, seen: &ChatSeen) -> proto::group::Chat {
    directory.chat(seen).await.unwrap();
    while directory.write_one().await {}
    world.store.chat(&seen.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_time_of_a_chat_is_written_now_and_then_and_what_is_new_at_once() {
    let world = World::new();
    let directory = world.directory();
    let first = world.clock.now();
    hear(&world, &directory, &world.seen("test:1")).await;
    world.clock.advance(METADATA_EVERY / 2);
    let chat = hear(&world, &directory, &world.seen("test:1")).await;
    assert_eq!(chat.last_seen_at, first);

    let named = ChatSeen {
        name: Some("Ops".into()),
        ..world.seen("test:1")
    };
    let chat = hear(&world, &directory, &named).await;
    assert_eq!((chat.name.as_deref(), chat.last_seen_at), (Some("Ops"), named.seen_at));
    world.clock.advance(METADATA_EVERY);
    let chat = hear(&world, &directory, &world.seen("test:1")).await;
    assert_eq!(
        (chat.name.as_deref(), chat.last_seen_at),
        (Some("Ops"), world.clock.now())
    );
}

#[tokio::test]
async fn a_thousand_events_of_a_chat_are_one_write() {
    let world = World::new();
    let directory = world.directory();
    let moved = ChatSeen {
        account: "other".into(),
        ..world.seen("test:1")
    };
    directory.chat(&world.seen("test:1")).await.unwrap();
    for _ in 0..1_000 {
        directory.chat(&moved).await.unwrap();
    }
    assert!(directory.write_one().await);
    assert!(!directory.write_one().await);
    let chat = world.store.chat(&ChatId::new("test:1")).await.unwrap().unwrap();
    assert_eq!(chat.account, "other");
}
