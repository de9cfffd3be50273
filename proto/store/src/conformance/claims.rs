//! Who gets which group.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::claim::{STICKY_DELAY, Waiting};
use proto::ids::Incarnation;
use tokio::task::JoinSet;

use super::World;
use super::world::{Runner, at, group_id, texts};
use crate::{Begun, Error};

pub async fn one_active_slot_per_group(world: World) {
    let (one, two) = (world.runner("one", 5).await, world.runner("two", 5).await);
    world.group("g").await;
    world.call("g", "hi", at(0)).await;
    let fence = world.claim(&one, at(0)).await;
    world.call("g", "hi again", at(1)).await;
    let later = at(10_000);
    assert!(world.try_claim(&one, 5, later).await.unwrap().is_empty());
    assert!(world.try_claim(&two, 5, later).await.unwrap().is_empty());
    world.store.release_group(&fence, true, later).await.unwrap();
    assert_eq!(world.claim_names(&one, 5, later).await, ["g"]);
}

pub async fn free_slots_bound_the_claim(world: World) {
    let runner = world.runner("r", 3).await;
    for name in ["a", "b", "c", "d"] {
        world.group(name).await;
        world.call(name, "hi", at(0)).await;
    }
    assert!(world.try_claim(&runner, 0, at(1)).await.unwrap().is_empty());
    let first = world.try_claim(&runner, 2, at(1)).await.unwrap();
    assert_eq!(first.iter().map(|claimed| claimed.slot).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(
        first[0].group,
        world.store.group(&first[0].fence.group).await.unwrap().unwrap()
    );
    world.store.release_group(&first[0].fence, true, at(2)).await.unwrap();
    let second = world.try_claim(&runner, 1, at(2)).await.unwrap();
    assert_eq!(second[0].slot, 0, "a freed slot is taken again");
}

pub async fn a_wrong_count_of_free_slots_takes_no_more_than_there_are(world: World) {
    let runner = world.runner("r", 2).await;
    for name in ["a", "b", "c"] {
        world.group(name).await;
        world.call(name, "hi", at(0)).await;
    }
    assert_eq!(world.claim_names(&runner, 100, at(1)).await, ["a", "b"]);
    assert!(world.try_claim(&runner, 100, at(1)).await.unwrap().is_empty());
}

pub async fn the_group_that_waited_longest_comes_first(world: World) {
    let runner = world.runner("r", 5).await;
    for (name, since) in [("a", 30), ("b", 10), ("c", 20)] {
        world.group(name).await;
        world.call(name, "hi", at(since)).await;
    }
    world.call("b", "more", at(40)).await;
    let waiting = Waiting {
        group: group_id("b"),
        ready_at: at(10),
    };
    assert_eq!(world.store.oldest_waiting(at(50)).await.unwrap(), Some(waiting));
    assert_eq!(world.claim_names(&runner, 2, at(50)).await, ["b", "c"]);
    assert_eq!(
        world.store.oldest_waiting(at(50)).await.unwrap().unwrap().group,
        group_id("a")
    );
}

pub async fn a_group_is_left_to_its_last_runner_for_a_moment(world: World) {
    let (one, two) = (world.runner("one", 5).await, world.runner("two", 5).await);
    let (fence, batch) = world.begun("g", &one).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    world.call("g", "again", at(1_000)).await;
    let sticky = i64::try_from(STICKY_DELAY.as_millis()).unwrap();
    assert!(
        world
            .try_claim(&two, 5, at(1_000 + sticky - 1))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.claim_names(&two, 5, at(1_000 + sticky)).await, ["g"]);
    world.group("h").await;
    world.call("h", "new", at(2_000)).await;
    assert_eq!(
        world.claim_names(&two, 5, at(2_000)).await,
        ["h"],
        "what nobody held is for everybody"
    );
}

pub async fn a_group_does_not_wait_for_a_runner_that_is_gone(world: World) {
    let (one, two) = (world.runner("one", 5).await, world.runner("two", 5).await);
    let (fence, batch) = world.begun("g", &one).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    world.store.retire_runner(&one.id, one.incarnation).await.unwrap();
    world.call("g", "again", at(3)).await;
    assert_eq!(world.claim_names(&two, 5, at(3)).await, ["g"]);
}

pub async fn concurrent_claimers_never_share_a_group(world: World) {
    const GROUPS: usize = 40;
    const RUNNERS: usize = 12;
    for n in 0..GROUPS {
        world.group(&format!("g{n}")).await;
        world.call(&format!("g{n}"), "hi", at(0)).await;
    }
    let mut runners = Vec::new();
    for n in 0..RUNNERS {
        runners.push(world.runner(&format!("r{n}"), 5).await);
    }
    let world = Arc::new(world);
    let mut claims = JoinSet::new();
    for runner in runners {
        let world = Arc::clone(&world);
        claims.spawn(async move {
            let mut names = Vec::new();
            for _ in 0..3 {
                names.extend(world.claim_names(&runner, 2, at(1)).await);
            }
            names
        });
    }
    let claimed: Vec<String> = claims.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((claimed.len(), distinct.len()), (GROUPS, GROUPS));
}

pub async fn a_replaced_runner_claims_nothing(world: World) {
    let old = world.runner("r", 5).await;
    let new = world.runner("r", 5).await;
    world.group("g").await;
    world.call("g", "hi", at(0)).await;
    assert!(matches!(
        world.try_claim(&old, 5, at(1)).await,
        Err(Error::RunnerReplaced { .. })
    ));
    let unknown = Runner {
        id: proto::ids::RunnerId::new("x"),
        incarnation: Incarnation(1),
    };
    assert!(matches!(
        world.try_claim(&unknown, 5, at(1)).await,
        Err(Error::RunnerReplaced { .. })
    ));
    assert_eq!(world.claim_names(&new, 5, at(1)).await, ["g"]);
}

pub async fn claimed_but_empty_is_released_with_the_cursor_untouched(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.chatter("g", "not for you", at(2)).await;
    assert_eq!(
        world.store.begin_turn(&fence, world.turn_id(), at(3)).await.unwrap(),
        Begun::Nothing
    );
    world.store.release_group(&fence, true, at(4)).await.unwrap();
    world.call("g", "for you", at(5)).await;
    let fence = world.claim(&runner, at(6)).await;
    let batch = world.begin(&fence, at(6)).await;
    assert_eq!((batch.attempt, texts(&batch)), (1, vec!["not for you", "for you"]));
}

pub async fn every_claim_has_a_larger_epoch(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    world.call("g", "hi", at(0)).await;
    let mut last = None;
    for n in 0..4 {
        let fence = world.claim(&runner, at(n)).await;
        assert!(last.is_none_or(|last| fence.epoch > last));
        last = Some(fence.epoch);
        world.store.release_group(&fence, true, at(n)).await.unwrap();
    }
}

pub async fn a_claim_whose_answer_was_lost_is_found_and_can_be_given_back(world: World) {
    let (runner, other) = (world.runner("r", 5).await, world.runner("other", 5).await);
    for name in ["b", "a", "c"] {
        world.group(name).await;
    }
    for name in ["b", "a"] {
        world.call(name, "hi", at(0)).await;
    }
    let mut claimed: Vec<_> = world.try_claim(&runner, 5, at(1)).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.fence.group.clone());
    let claimed: Vec<_> = claimed.into_iter().map(|claimed| claimed.fence).collect();
    world.call("c", "hi", at(2)).await;
    world.claim(&other, at(2)).await;
    let owned = world.store.owned_groups(&runner.id, runner.incarnation).await.unwrap();
    assert_eq!(owned, claimed);
    for fence in &owned {
        world.store.release_group(fence, true, at(3)).await.unwrap();
    }
    let owned = world.store.owned_groups(&runner.id, runner.incarnation).await.unwrap();
    assert!(owned.is_empty());
    assert_eq!(world.claim_names(&runner, 5, at(4)).await, ["a", "b"]);
}

pub async fn a_life_that_is_over_owns_nothing(world: World) {
    let old = world.runner("r", 5).await;
    world.begun("g", &old).await;
    let new = world.runner("r", 5).await;
    for life in [&old, &new] {
        let owned = world.store.owned_groups(&life.id, life.incarnation).await.unwrap();
        assert!(owned.is_empty(), "its sandbox is not this life's to give back");
    }
}
