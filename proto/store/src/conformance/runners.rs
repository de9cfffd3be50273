//! The lives of runners.

use super::World;
use super::world::{at, group_id};
use crate::{Error, RunnerRow};

pub async fn every_start_is_a_new_life(world: World) {
    let first = world.runner("r", 5).await;
    world.store.heartbeat(&first.id, first.incarnation).await.unwrap();
    let before = world.store.runners().await.unwrap();
    world.store.heartbeat(&first.id, first.incarnation).await.unwrap();
    let after = world.store.runners().await.unwrap();
    assert_eq!((before.len(), after.len()), (1, 1));
    assert!(after[0].heartbeat > before[0].heartbeat && !after[0].dead);
    let second = world.runner("r", 5).await;
    assert!(second.incarnation > first.incarnation);
    let late = world.store.heartbeat(&first.id, first.incarnation).await;
    assert!(matches!(late, Err(Error::RunnerReplaced { .. })));
    world.store.heartbeat(&second.id, second.incarnation).await.unwrap();
}

pub async fn an_old_life_is_fenced_before_its_groups_are_freed(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let new = world.runner("r", 5).await;
    let late = world.commit_of(batch.turn, batch.messages[0].ord, vec![], at(1));
    assert!(matches!(world.try_commit(&fence, &late).await, Err(Error::Fenced(_))));
    assert!(
        world.try_claim(&new, 5, at(10_000)).await.unwrap().is_empty(),
        "its sandbox may still be there"
    );
}

pub async fn groups_of_old_lives_are_freed_and_served_again(world: World) {
    let runner = world.runner("r", 1).await;
    let (old, _) = world.begun("g", &runner).await;
    let new = world.runner("r", 1).await;
    world.group("h").await;
    world.call("h", "hi", at(50)).await;
    assert!(
        world.try_claim(&new, 1, at(60)).await.unwrap().is_empty(),
        "the slot of the old life is still taken"
    );
    let freed = world
        .store
        .free_stale_groups(&new.id, new.incarnation, at(60))
        .await
        .unwrap();
    assert_eq!(freed, [group_id("g")]);
    assert!(
        world
            .store
            .free_stale_groups(&new.id, new.incarnation, at(60))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        world.claim_names(&new, 1, at(60)).await,
        ["h"],
        "it had waited longer than the freed one"
    );
    let other = world.runner("other", 1).await;
    let fence = world.claim(&other, at(1_000)).await;
    assert!(fence.epoch.0 >= old.epoch.0 + 2, "freed by force and claimed");
}

pub async fn a_silent_runner_is_declared_dead_and_its_groups_freed(world: World) {
    let (one, two) = (world.runner("one", 5).await, world.runner("two", 5).await);
    let (fence, batch) = world.begun("g", &one).await;
    let seen = world
        .store
        .runners()
        .await
        .unwrap()
        .into_iter()
        .find(|row| row.runner == one.id)
        .unwrap();
    assert_eq!(seen.free_slots, 4);
    assert_eq!(
        world.store.declare_dead(&seen, at(15_000)).await.unwrap(),
        [group_id("g")]
    );
    assert!(
        world
            .store
            .runners()
            .await
            .unwrap()
            .iter()
            .any(|row| row.runner == one.id && row.dead && row.free_slots == 5)
    );
    assert!(
        world.store.declare_dead(&seen, at(15_000)).await.unwrap().is_empty(),
        "one dies once"
    );
    let beat = world.store.heartbeat(&one.id, one.incarnation).await;
    assert!(matches!(beat, Err(Error::RunnerReplaced { .. })));
    assert!(matches!(
        world.try_claim(&one, 5, at(16_000)).await,
        Err(Error::RunnerReplaced { .. })
    ));
    let late = world.commit_of(batch.turn, batch.messages[0].ord, vec![], at(16_000));
    assert!(matches!(world.try_commit(&fence, &late).await, Err(Error::Fenced(_))));
    let fence = world.claim(&two, at(16_000)).await;
    let again = world.begin(&fence, at(16_000)).await;
    assert_eq!((again.turn, again.runner_deaths), (batch.turn, 1));
}

pub async fn a_runner_that_moved_on_is_not_declared_dead(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let seen = world.store.runners().await.unwrap().remove(0);
    world.store.heartbeat(&runner.id, runner.incarnation).await.unwrap();
    assert!(world.store.declare_dead(&seen, at(1)).await.unwrap().is_empty());
    let stranger = RunnerRow {
        incarnation: proto::ids::Incarnation(seen.incarnation.0 + 1),
        ..seen
    };
    assert!(world.store.declare_dead(&stranger, at(1)).await.unwrap().is_empty());
    world.commit(&fence, &batch, vec![], at(2)).await;
}

pub async fn an_idle_group_of_a_dead_runner_just_rests(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    let (runner, freed) = world.restart(&runner, at(2)).await;
    assert_eq!(freed, [group_id("g")]);
    assert!(world.try_claim(&runner, 5, at(1_000)).await.unwrap().is_empty());
    world.call("g", "next", at(2_000)).await;
    let fence = world.claim(&runner, at(2_000)).await;
    let next = world.begin(&fence, at(2_000)).await;
    assert_eq!((next.attempt, next.runner_deaths), (1, 0), "it died over nothing");
}

pub async fn a_retired_runner_is_dead_at_once(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    world.store.retire_runner(&runner.id, runner.incarnation).await.unwrap();
    assert!(world.store.runners().await.unwrap()[0].dead);
    let beat = world.store.heartbeat(&runner.id, runner.incarnation).await;
    assert!(matches!(beat, Err(Error::RunnerReplaced { .. })));
    world.call("g", "hi", at(1)).await;
    assert!(matches!(
        world.try_claim(&runner, 5, at(1)).await,
        Err(Error::RunnerReplaced { .. })
    ));
    world.store.retire_runner(&runner.id, runner.incarnation).await.unwrap();
    let next = world.runner("r", 5).await;
    assert!(next.incarnation > runner.incarnation);
    assert_eq!(world.claim_names(&next, 5, at(2)).await, ["g"], "it may come back");
}

pub async fn a_runner_that_still_owns_a_group_is_not_retired(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.store.retire_runner(&runner.id, runner.incarnation).await.unwrap();
    assert!(!world.store.runners().await.unwrap()[0].dead);
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    world.store.retire_runner(&runner.id, runner.incarnation).await.unwrap();
    assert!(world.store.runners().await.unwrap()[0].dead);
}

pub async fn a_runner_with_groups_of_an_earlier_life_is_not_retired(world: World) {
    let old = world.runner("r", 5).await;
    world.begun("g", &old).await;
    let new = world.runner("r", 5).await;
    world.store.retire_runner(&new.id, new.incarnation).await.unwrap();
    assert!(
        !world.store.runners().await.unwrap()[0].dead,
        "the reaper must free them"
    );
}

pub async fn an_old_life_cannot_retire_the_new_one(world: World) {
    let old = world.runner("r", 5).await;
    let new = world.runner("r", 5).await;
    world.store.retire_runner(&old.id, old.incarnation).await.unwrap();
    world.store.heartbeat(&new.id, new.incarnation).await.unwrap();
    let unknown = proto::ids::RunnerId::new("unknown");
    world.store.retire_runner(&unknown, old.incarnation).await.unwrap();
    assert_eq!(world.store.runners().await.unwrap().len(), 1);
}
