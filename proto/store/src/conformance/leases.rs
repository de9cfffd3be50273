//! Leases: leadership and accounts.

use std::sync::Arc;

use proto::ids::Epoch;
use proto::lease::holding::{Hold, LeaseName, LeaseRow};
use tokio::task::JoinSet;

use super::World;
use super::world::{account, at};
use crate::Error;

fn account_named(channel: &str, account: &str) -> LeaseName {
    LeaseName::Account {
        channel: channel.to_owned(),
        account: account.to_owned(),
    }
}

async fn row(world: &World, name: &LeaseName) -> LeaseRow {
    world.store.lease(name).await.unwrap()
}

async fn assert_lost(world: &World, hold: &Hold) {
    let before = row(world, &hold.name).await;
    let renewed = world.store.renew_lease(hold).await;
    assert!(
        matches!(&renewed, Err(Error::LeaseLost(lost)) if **lost == *hold),
        "{renewed:?}"
    );
    assert_eq!(row(world, &hold.name).await, before, "and nobody noticed");
}

pub async fn a_lease_that_was_never_held_is_free(world: World) {
    let free = LeaseRow {
        holder: None,
        epoch: Epoch::ZERO,
        heartbeat: 0,
    };
    for name in [LeaseName::Scheduler, account()] {
        assert_eq!(row(&world, &name).await, free);
        let hold = world.take_over(&name, "one").await;
        assert_eq!(row(&world, &name).await.holder.as_deref(), Some("one"));
        world.store.renew_lease(&hold).await.unwrap();
    }
}

pub async fn a_lease_is_taken_by_one_of_two(world: World) {
    for name in [LeaseName::Scheduler, account()] {
        let seen = row(&world, &name).await;
        let one = world.store.take_lease(&name, "one", &seen).await.unwrap();
        let two = world.store.take_lease(&name, "two", &seen).await.unwrap();
        assert!(one.is_some_and(|epoch| epoch > seen.epoch));
        assert_eq!(two, None);
        assert_eq!(row(&world, &name).await.holder.as_deref(), Some("one"));
        let imagined = LeaseRow {
            epoch: Epoch(9),
            ..seen
        };
        assert_eq!(world.store.take_lease(&name, "two", &imagined).await.unwrap(), None);
    }
}

pub async fn a_lease_is_taken_by_one_of_many_at_once(world: World) {
    let world = Arc::new(world);
    // Once for a row that is not there yet, once for one that is.
    for round in 0..2 {
        let seen = row(&world, &LeaseName::Scheduler).await;
        let mut candidates = JoinSet::new();
        for n in 0..12 {
            let (world, seen) = (Arc::clone(&world), seen.clone());
            candidates.spawn(async move {
                let holder = format!("{round}:{n}");
                let taken = world.store.take_lease(&LeaseName::Scheduler, &holder, &seen);
                taken.await.unwrap().map(|epoch| (holder, epoch))
            });
        }
        let won: Vec<_> = candidates.join_all().await.into_iter().flatten().collect();
        let now = row(&world, &LeaseName::Scheduler).await;
        assert_eq!(won, [(now.holder.unwrap(), now.epoch)]);
    }
}

pub async fn a_lease_that_moved_since_it_was_seen_is_not_taken(world: World) {
    let hold = world.take_over(&LeaseName::Scheduler, "one").await;
    let seen = row(&world, &LeaseName::Scheduler).await;
    world.store.renew_lease(&hold).await.unwrap();
    let moved = row(&world, &LeaseName::Scheduler).await;
    assert_ne!(seen.heartbeat, moved.heartbeat);
    let taken = world.store.take_lease(&LeaseName::Scheduler, "two", &seen).await;
    assert_eq!(taken.unwrap(), None, "its holder lives");
    world.store.renew_lease(&hold).await.unwrap();
}

pub async fn a_lost_lease_cannot_be_renewed(world: World) {
    for name in [LeaseName::Scheduler, account()] {
        let nobody = Hold {
            name: name.clone(),
            holder: "one".to_owned(),
            epoch: Epoch(1),
        };
        assert_lost(&world, &nobody).await;
        let first = world.take_over(&name, "one").await;
        let second = world.take_over(&name, "two").await;
        assert_lost(&world, &first).await;
        let again = world.take_over(&name, "one").await;
        assert_lost(&world, &first).await;
        assert_lost(&world, &second).await;
        world.store.renew_lease(&again).await.unwrap();
    }
}

pub async fn a_lease_given_up_is_free_at_once(world: World) {
    for name in [LeaseName::Scheduler, account()] {
        let hold = world.take_over(&name, "one").await;
        world.store.release_lease(&hold).await.unwrap();
        assert_eq!(row(&world, &name).await.holder, None);
        assert_lost(&world, &hold).await;
        world.store.release_lease(&hold).await.unwrap();
        world.take_over(&name, "two").await;
    }
}

pub async fn giving_up_a_lost_lease_takes_it_from_nobody(world: World) {
    let first = world.take_over(&account(), "one").await;
    let second = world.take_over(&account(), "two").await;
    world.store.release_lease(&first).await.unwrap();
    world.store.renew_lease(&second).await.unwrap();
    let never = Hold {
        name: account_named("test", "never"),
        ..first
    };
    world.store.release_lease(&never).await.unwrap();
}

pub async fn epochs_of_a_lease_grow_over_releases(world: World) {
    for name in [LeaseName::Scheduler, account()] {
        let mut last = Epoch::ZERO;
        for n in 0..4 {
            // The same holder again: its former hold is over all the same.
            let hold = world.take_over(&name, "one").await;
            assert!(hold.epoch > last);
            last = hold.epoch;
            if n % 2 == 0 {
                world.store.release_lease(&hold).await.unwrap();
            }
        }
    }
}

pub async fn leases_are_kept_apart(world: World) {
    let names = [
        LeaseName::Scheduler,
        account_named("a", "b"),
        account_named("a", "c"),
        account_named("b", "b"),
        account_named("scheduler", ""),
    ];
    let mut holds = Vec::new();
    for (n, name) in names.iter().enumerate() {
        holds.push(world.take_over(name, &n.to_string()).await);
    }
    for hold in &holds {
        world.store.renew_lease(hold).await.unwrap();
    }
    let elsewhere = Hold {
        name: names[1].clone(),
        ..holds[2].clone()
    };
    assert_lost(&world, &elsewhere).await;
}

pub async fn a_lost_lease_cannot_charge_a_delivery(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world
        .commit(&fence, &batch, vec![super::world::reply("final", "g", "answer")], at(1))
        .await;
    let due = world.store.due_deliveries("test", World::ACCOUNT, at(2), 10).await;
    let id = due.unwrap()[0].id;
    let lost = world.take_over(&account(), "one").await;
    let hold = world.take_over(&account(), "two").await;
    let given_up = world.take_over(&account_named("test", "other"), "two").await;
    world.store.release_lease(&given_up).await.unwrap();
    let of_another_role = world.take_over(&LeaseName::Scheduler, "two").await;
    let of_nobody = Hold {
        name: account_named("test", "never"),
        ..hold.clone()
    };
    let of_another_holder = Hold {
        holder: "three".to_owned(),
        ..hold.clone()
    };
    for lost in [lost, given_up, of_another_role, of_nobody, of_another_holder] {
        let begun = world.store.begin_delivery(&lost, id, at(2)).await;
        assert!(matches!(begun, Err(Error::LeaseLost(_))), "{lost:?}: {begun:?}");
    }
    let begun = world.store.begin_delivery(&hold, id, at(2)).await.unwrap();
    assert_eq!(begun.unwrap().attempts, 1, "nothing was charged before");
}

pub async fn a_hold_charges_only_deliveries_of_its_account(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world
        .commit(&fence, &batch, vec![super::world::reply("final", "g", "answer")], at(1))
        .await;
    let due = world.store.due_deliveries("test", World::ACCOUNT, at(2), 10).await;
    let id = due.unwrap()[0].id;
    for other in [account_named("test", "other"), account_named("other", World::ACCOUNT)] {
        let hold = world.take_over(&other, "one").await;
        assert_eq!(world.store.begin_delivery(&hold, id, at(2)).await.unwrap(), None);
    }
    assert!(world.begin_delivery(id, at(2)).await.is_some());
}

pub async fn only_the_holder_of_an_account_says_how_far_its_feed_was_read(world: World) {
    let LeaseName::Account { channel, account: name } = account() else {
        unreachable!("it is an account's")
    };
    let position = async || world.store.account_position(&channel, &name).await.unwrap();
    assert_eq!(position().await, None);
    let first = world.take_over(&account(), "one").await;
    assert_eq!(position().await, None);
    for text in ["41", "42"] {
        world.store.save_position(&first, text).await.unwrap();
        assert_eq!(position().await.as_deref(), Some(text));
    }
    let second = world.take_over(&account(), "two").await;
    let late = world.store.save_position(&first, "43").await;
    assert!(matches!(late, Err(Error::LeaseLost(_))), "{late:?}");
    assert_eq!(
        position().await.as_deref(),
        Some("42"),
        "the next holder goes on from there"
    );
    world.store.save_position(&second, "44").await.unwrap();
    let leader = world.take_over(&LeaseName::Scheduler, "one").await;
    let refused = world.store.save_position(&leader, "1").await;
    assert!(matches!(refused, Err(Error::LeaseLost(_))), "{refused:?}");
}
