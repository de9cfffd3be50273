use std::sync::Arc;
use std::time::Duration;

use proto::ids::Epoch;
use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::time::{Clock, ManualClock, Timestamp};
use tokio::sync::oneshot;

use super::*;
use crate::memory::MemoryStore;
use crate::outage::{Manners, Outage};
use crate::{Error, Store};

const SECOND: Duration = Duration::from_secs(1);

struct World {
    store: Arc<Outage>,
    clock: ManualClock,
    timings: LeaseTimings,
}

impl World {
    fn new() -> Self {
        Self {
            store: Arc::new(Outage::around(Arc::new(MemoryStore::new()))),
            clock: ManualClock::at(Timestamp::from_millis(1_800_000_000_000)),
            timings: LeaseTimings::FAST,
        }
    }

    fn keeper(&self, holder: &str, takeover: Takeover) -> Keeper {
        Keeper::new(
            self.store.clone(),
            LeaseName::Scheduler,
            holder.to_owned(),
            self.timings,
            Arc::new(self.clock.clone()),
            || 0.5,
            takeover,
        )
    }

    fn candidate(&self, holder: &str) -> Keeper {
        self.keeper(holder, Takeover::Observe)
    }

    /// Whether this keeper's work may act now.
    fn acts(&self, keeper: &Keeper) -> bool {
        let now = self.clock.monotonic();
        keeper.held().borrow().as_ref().is_some_and(|held| held.is_trusted(now))
    }

    /// Ticks these keepers once a second, and returns after how many seconds the predicate held first.
    async fn seconds_until(
        &self,
        limit: u64,
        keepers: &mut [&mut Keeper],
        holds: impl Fn(&[&mut Keeper]) -> bool,
    ) -> Option<u64> {
        for second in 1..=limit {
            self.clock.advance(SECOND);
            for keeper in keepers.iter_mut() {
                let _ = keeper.tick().await;
            }
            if holds(keepers) {
                return Some(second);
            }
        }
        None
    }
}

fn epoch(keeper: &Keeper) -> Option<Epoch> {
    keeper.held().borrow().as_ref().map(|held| held.hold.epoch)
}

#[tokio::test]
async fn of_two_candidates_one_holds_the_lease_for_as_long_as_it_renews() {
    let world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    let ((), ()) = tokio::join!(async { a.tick().await.unwrap() }, async { b.tick().await.unwrap() });
    assert!(world.acts(&a) != world.acts(&b));
    let lost = world
        .seconds_until(60, &mut [&mut a, &mut b], |keepers| {
            keepers.iter().all(|keeper| epoch(keeper).is_none())
        })
        .await;
    assert_eq!(lost, None);
    assert!(world.acts(&a) != world.acts(&b));
}

#[tokio::test]
async fn a_silent_holder_is_replaced_after_its_time_and_has_stopped_long_before() {
    let world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    a.tick().await.unwrap();
    b.tick().await.unwrap();
    let acts = |world: &World, a: &Keeper| world.acts(a);
    let mut stopped = None;
    for second in 1..=15 {
        world.clock.advance(SECOND);
        b.tick().await.unwrap();
        if !acts(&world, &a) {
            stopped = stopped.or(Some(second));
        }
        assert_eq!(world.acts(&b), second == 15, "after {second} s");
    }
    assert_eq!(stopped, Some(9));
    assert_eq!(epoch(&b), Some(Epoch(2)));
    a.tick().await.unwrap();
    assert_eq!(epoch(&a), None, "the former holder learns it at once");
}

#[tokio::test]
async fn an_outage_of_the_store_is_not_the_silence_of_the_holder() {
    let world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    a.tick().await.unwrap();
    b.tick().await.unwrap();
    world.store.set(Manners::Refuses);
    for second in 1..=60 {
        world.clock.advance(SECOND);
        assert!(a.tick().await.is_err() && b.tick().await.is_err());
        assert_eq!(world.acts(&a), second < 9, "after {second} s");
        assert!(!*b.reached().borrow());
    }
    world.store.set(Manners::Answers);
    b.tick().await.unwrap();
    assert!(!world.acts(&b), "it watches anew");
    a.tick().await.unwrap();
    assert!(world.acts(&a));
    assert_eq!(epoch(&a), Some(Epoch(1)), "nobody else had it");
}

#[tokio::test]
async fn a_holder_that_wakes_up_late_sees_itself_untrusted_before_it_acts() {
    let world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    a.tick().await.unwrap();
    world.clock.advance(9 * SECOND);
    assert!(a.held().borrow().is_some(), "nobody told it");
    assert!(!world.acts(&a), "and yet it must not act");
    // It slept on, and another took over meanwhile.
    let taken = world
        .seconds_until(20, &mut [&mut b], |keepers| epoch(keepers[0]).is_some())
        .await;
    assert_eq!(taken, Some(16));
    assert!(!world.acts(&a));
    a.tick().await.unwrap();
    assert_eq!((epoch(&a), epoch(&b)), (None, Some(Epoch(2))));
}

#[tokio::test]
async fn a_candidate_that_was_away_does_not_blame_the_holder() {
    let world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    a.tick().await.unwrap();
    b.tick().await.unwrap();
    world.clock.advance(60 * SECOND);
    b.tick().await.unwrap();
    assert_eq!(epoch(&b), None);
}

#[tokio::test]
async fn what_was_given_up_is_taken_at_the_next_look() {
    let world = World::new();
    let (mut a, mut b) = (world.candidate("a"), world.candidate("b"));
    a.tick().await.unwrap();
    b.tick().await.unwrap();
    a.release().await;
    assert_eq!(epoch(&a), None);
    b.tick().await.unwrap();
    assert_eq!(epoch(&b), Some(Epoch(2)));
}

#[tokio::test]
async fn a_clean_stop_hands_over_within_two_seconds() {
    let world = World::new();
    let (a, b) = (world.candidate("a"), world.candidate("b"));
    let (mut held_by_a, mut held_by_b) = (a.held(), b.held());
    let ((end_a, stop_a), (end_b, stop_b)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let story = async {
        held_by_a.wait_for(Option::is_some).await.unwrap();
        end_a.send(()).unwrap();
        let handed_over = held_by_b.wait_for(Option::is_some);
        tokio::time::timeout(2 * SECOND, handed_over).await.unwrap().unwrap();
        end_b.send(()).unwrap();
    };
    let stopped = |stop: oneshot::Receiver<()>| async { stop.await.unwrap() };
    tokio::join!(a.run(stopped(stop_a)), b.run(stopped(stop_b)), story);
    let row = world.store.lease(&LeaseName::Scheduler).await.unwrap();
    assert_eq!((row.holder, row.epoch), (None, Epoch(2)), "nobody is left behind");
}

#[tokio::test]
async fn a_lease_whose_taking_was_not_answered_is_found_and_kept_or_given_up() {
    let world = World::new();
    let mut a = world.candidate("a");
    // The row itself must be read, so the answer is lost between the two calls of one tick.
    let seen = world.store.lease(&LeaseName::Scheduler).await.unwrap();
    let taken = world.store.take_lease(&LeaseName::Scheduler, "a", &seen).await.unwrap();
    a.tick().await.unwrap();
    assert_eq!(epoch(&a), taken);
    assert!(world.acts(&a));
}

#[tokio::test]
async fn one_node_takes_over_from_its_former_life_at_once() {
    let world = World::new();
    world.candidate("a").tick().await.unwrap();
    let mut next = world.keeper("b", Takeover::AtOnce);
    next.tick().await.unwrap();
    assert!(world.acts(&next));
}

#[tokio::test]
async fn a_store_that_is_silent_holds_up_neither_a_tick_nor_a_stop() {
    let mut world = World::new();
    world.timings.heartbeat = Duration::from_millis(20);
    let mut a = world.candidate("a");
    a.tick().await.unwrap();
    world.store.set(Manners::IsSilent);
    let ticked = tokio::time::timeout(20 * SECOND, a.tick()).await.unwrap();
    assert!(matches!(ticked, Err(Error::Unavailable(_))));
    tokio::time::timeout(20 * SECOND, a.release()).await.unwrap();
}

#[tokio::test]
async fn a_change_is_told_and_a_renewal_is_not() {
    let world = World::new();
    let mut a = world.candidate("a");
    let mut held = a.held();
    a.tick().await.unwrap();
    assert!(held.has_changed().unwrap());
    let before = held.borrow_and_update().as_ref().unwrap().trusted_until();
    world.clock.advance(3 * SECOND);
    a.tick().await.unwrap();
    assert!(!held.has_changed().unwrap());
    assert!(held.borrow().as_ref().unwrap().trusted_until() > before);
}
