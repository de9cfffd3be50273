//! The feed of an account, opened and opened again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proto::group::ChatSeen;
use proto::outbound::{Delivery, Part, Resend, SendOutcome};
use proto::time::Clock as _;
use store::keeper::Keeper;
use tokio_util::sync::CancellationToken;

use super::decide::Ended;
use super::*;
use crate::channel::{Channel, Feed, Inbound, ReceiveError};
use crate::delivery::Lease;
use crate::health::{Health, Receiving, Tell};
use crate::intake::Taken;
use crate::world::{SOON, World, event};

/// What a feed does each time it is opened.
enum Act {
    Say(ChatSeen, &'static str),
    Break(ReceiveError),
    Hang,
}

struct Feeding {
    acts: Mutex<VecDeque<Act>>,
    taken: Mutex<Vec<Taken>>,
}

impl Feeding {
    fn new(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            acts: Mutex::new(acts.into_iter().collect()),
            taken: Mutex::default(),
        })
    }
}

#[async_trait]
impl Channel for Feeding {
    fn name(&self) -> &str {
        "test"
    }

    fn account(&self) -> &str {
        "bot"
    }

    fn resend(&self) -> Resend {
        Resend::Never
    }

    async fn send(&self, _: &Delivery, _: &Part) -> SendOutcome {
        SendOutcome::Sent { platform_id: None }
    }

    fn receives(&self) -> bool {
        true
    }

    async fn receive(&self, feed: &Feed) -> Result<(), ReceiveError> {
        let act = self.acts.lock().unwrap().pop_front();
        match act {
            Some(Act::Say(seen, text)) => {
                feed.live();
                let taken = feed.take(&seen, event(&seen, text, text)).await;
                self.taken.lock().unwrap().push(taken);
                Ok(())
            }
            Some(Act::Break(error)) => Err(error),
            Some(Act::Hang) | None => {
                feed.live();
                std::future::pending().await
            }
        }
    }
}

struct Story {
    keeper: Keeper,
    health: Arc<Health>,
    stop: CancellationToken,
    receiver: Option<Receiver>,
}

impl Story {
    async fn new(world: &World, channel: Arc<Feeding>) -> Self {
        let mut keeper = world.keeper("gateway");
        keeper.tick().await.unwrap();
        let health = world.health();
        let receiver = Receiver {
            inbound: Inbound::new(Arc::new(world.intake()), channel.clone()),
            channel,
            lease: Lease::of(&keeper),
            store: world.store.clone(),
            health: health.clone(),
            clock: world.clock.clone(),
            random: || 0.0,
            metrics: world.metrics(),
        };
        Self {
            keeper,
            health,
            stop: CancellationToken::new(),
            receiver: Some(receiver),
        }
    }

    /// Lets the feed run until this holds.
    async fn until(&mut self, holds: impl Fn() -> bool) {
        let receiver = self.receiver.take().unwrap();
        let story = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.stop.cancel();
        };
        let both = async { tokio::join!(run(receiver, self.stop.clone()), story) };
        tokio::time::timeout(SOON, both).await.unwrap();
    }
}

fn broke() -> Act {
    Act::Break(ReceiveError::Failed("reset".into()))
}

/// NanoClaw PR91, PR92: five or six replies after a reconnect. #553: nothing is processed after one.
#[tokio::test]
async fn a_feed_that_breaks_off_is_opened_again_and_loses_nothing() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:1", &group).await;
    let channel = Feeding::new([
        Act::Say(world.seen("test:1"), "one"),
        broke(),
        Act::Say(world.seen("test:1"), "one"),
        Act::Say(world.seen("test:1"), "two"),
    ]);
    let mut story = Story::new(&world, channel.clone()).await;
    story.until(|| channel.taken.lock().unwrap().len() == 3).await;
    let taken = channel.taken.lock().unwrap().clone();
    assert_eq!(taken, [Taken::Accepted, Taken::Duplicate, Taken::Accepted]);
    assert_eq!(world.store.chat_activity(&chat).await.unwrap().unanswered, 2);
}

#[tokio::test]
async fn an_event_waits_for_the_store_and_is_not_dropped() {
    let world = World::new();
    let group = world.group("g", true).await;
    world.chat("test:1", &group).await;
    let channel = Feeding::new([Act::Say(world.seen("test:1"), "one")]);
    let mut story = Story::new(&world, channel.clone()).await;
    world.outage.set(store::outage::Manners::Refuses);
    let outage = world.outage.clone();
    let back = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        outage.set(store::outage::Manners::Answers);
        world.clock.advance(Duration::from_secs(2));
    };
    tokio::join!(story.until(|| !channel.taken.lock().unwrap().is_empty()), back);
    assert_eq!(*channel.taken.lock().unwrap(), [Taken::Accepted]);
}

#[tokio::test]
async fn a_silent_feed_is_opened_again() {
    let world = World::new();
    let group = world.group("g", true).await;
    world.chat("test:1", &group).await;
    let channel = Feeding::new([Act::Hang, Act::Say(world.seen("test:1"), "after")]);
    let mut story = Story::new(&world, channel.clone()).await;
    let health = story.health.clone();
    let mut keeper = std::mem::replace(&mut story.keeper, world.keeper("nobody"));
    let silence = async {
        while health.report().receiving != Receiving::Live {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Time passes in steps, so that the lease is kept meanwhile.
        for _ in 0..=SILENCE_MAX.as_secs() / 2 {
            world.clock.advance(Duration::from_secs(2));
            keeper.tick().await.unwrap();
        }
    };
    tokio::join!(story.until(|| !channel.taken.lock().unwrap().is_empty()), silence);
    assert_eq!(*channel.taken.lock().unwrap(), [Taken::Accepted]);
}

/// OpenClaw #111572: 318 health restarts in a row without recovery. A feed that opens and then says nothing is opened again
/// ever less often; one trouble is told of once, however often it seems over; and it ends by itself.
#[tokio::test]
async fn a_feed_that_never_recovers_is_told_of_once_and_recovers_by_itself() {
    let world = World::new();
    let mut story = Story::new(&world, Feeding::new([])).await;
    let (receiver, health) = (story.receiver.take().unwrap(), &story.health);
    let (mut failures, mut waits, mut told) = (0, Vec::new(), Vec::new());
    for _ in 0..318 {
        let opened_at = world.clock.monotonic();
        health.receiving(Receiving::Live);
        world.clock.advance(SILENCE_MAX);
        waits.push(receiver.note_end(&Ended::Silent, opened_at, &mut failures));
        told.extend(health.due());
        assert!(health.report().trouble.is_some());
    }
    assert!(waits.is_sorted());
    assert_eq!(
        (waits[0].as_millis(), waits[317].as_secs()),
        (500, 30),
        "with the least jitter"
    );
    assert!(matches!(&told[..], [Tell::Trouble(_)]), "{told:?}");

    health.receiving(Receiving::Live);
    let opened_at = world.clock.monotonic();
    world.clock.advance(Duration::from_secs(60));
    health.alive();
    assert_eq!((health.due(), health.due()), (Some(Tell::Recovered), None));
    assert_eq!(
        receiver.note_end(&Ended::Silent, opened_at, &mut failures),
        waits[0],
        "a new trouble"
    );
}

#[tokio::test]
async fn a_refused_account_says_so_and_is_tried_again_later() {
    let world = World::new();
    let channel = Feeding::new([Act::Break(ReceiveError::Refused("401 Unauthorized".into()))]);
    let mut story = Story::new(&world, channel).await;
    let health = story.health.clone();
    story
        .until(|| health.report().receiving == Receiving::Refused("401 Unauthorized".into()))
        .await;
    assert_eq!(story.health.report().receiving, Receiving::Stopped);
}

#[tokio::test]
async fn nothing_is_received_for_an_account_that_somebody_else_holds() {
    let world = World::new();
    let channel = Feeding::new([broke()]);
    let mut story = Story::new(&world, channel.clone()).await;
    let hold = story.keeper.held().borrow().clone().unwrap().hold;
    world.clock.advance(Duration::from_secs(60));
    world.store.release_lease(&hold).await.unwrap();
    let health = story.health.clone();
    story.until(|| health.report().receiving == Receiving::Standby).await;
    assert_eq!(channel.acts.lock().unwrap().len(), 1, "it was never opened");
}

#[tokio::test]
async fn main_is_told_of_an_account_in_trouble_by_another_one() {
    let world = World::new();
    let main = world.group("main", true).await;
    let own = world.chat("test:own", &main).await;
    let elsewhere = ChatSeen {
        channel: "cli".into(),
        account: "local".into(),
        ..world.seen("cli:main")
    };
    let other = world.store.see_chat(&elsewhere).await.unwrap().id;
    world.store.register_chat(&other, Some(&main)).await.unwrap();
    let notices = world.notices();
    let health = world.health();
    health.receiving(Receiving::Refused("token revoked".into()));
    assert_eq!(health.due(), None);
    world.clock.advance(Duration::from_secs(120));
    let tell = health.due().unwrap();
    assert!(matches!(tell, Tell::Trouble(_)));
    notices.tell(&health, tell).await;
    assert!(world.states(&own).await.is_empty());
    let said = world.store.deliveries_after(&other, 0, 10).await.unwrap();
    assert!(said[0].text.contains("token revoked"), "{}", said[0].text);
}
