//! One account, several gateways.

use std::pin::pin;
use std::sync::atomic::Ordering;

use proto::group::ChatSeen;
use proto::lease::LeaseTimings;
use proto::outbound::Reconciled;
use store::keeper::{Keeper, Takeover};
use store::outage::Manners;

use super::*;
use crate::channel::Inbound;
use crate::delivery::account::{Account, Candidacy};
use crate::world::{SOON, eventually};

const SECOND: Duration = Duration::from_secs(1);

fn candidacy(holder: &str) -> Candidacy {
    Candidacy {
        holder: holder.into(),
        timings: LeaseTimings::FAST,
        takeover: Takeover::Observe,
    }
}

/// A gateway that serves the account until its token is cancelled.
struct Served {
    channel: Arc<ScriptedChannel>,
    stop: CancellationToken,
}

impl Served {
    fn new() -> Self {
        Self {
            channel: ScriptedChannel::new(Resend::Never, []),
            stop: CancellationToken::new(),
        }
    }

    async fn run(&self, world: &World, readiness: &service::readiness::Readiness, holder: &str) {
        let condition = readiness.condition(if holder == "a" { "a" } else { "b" });
        let tools = world.tools();
        let account = Account {
            channel: self.channel.clone(),
            candidacy: candidacy(holder),
            inbound: Inbound::new(Arc::new(world.intake()), self.channel.clone()),
            directory: world.directory(),
            health: world.health(),
            notices: world.notices(),
            ready: condition,
            tools,
        };
        let serving = account.serve(self.stop.clone(), self.stop.clone());
        serving.await;
    }
}

async fn all_sent(world: &World, chat: &ChatId) {
    let sent = async {
        while world.states(chat).await.iter().any(|state| *state != OutboxState::Sent) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, sent).await.unwrap();
}

#[tokio::test]
async fn of_two_gateways_one_sends_both_are_ready_and_a_clean_stop_hands_over_within_two_seconds() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let readiness = service::readiness::Readiness::new();
    let (a, b) = (Served::new(), Served::new());
    let story = async {
        for text in ["one", "two", "three"] {
            world.say(&chat, text).await;
        }
        all_sent(&world, &chat).await;
        tokio::time::timeout(SOON, readiness.ready()).await.unwrap();
        let (holder, next) = if a.channel.given().is_empty() {
            (&b, &a)
        } else {
            (&a, &b)
        };
        assert_eq!(holder.channel.given(), ["one", "two", "three"]);
        assert!(next.channel.given().is_empty());

        holder.stop.cancel();
        world.say(&chat, "four").await;
        world.say(&chat, "five").await;
        tokio::time::timeout(2 * SECOND, all_sent(&world, &chat)).await.unwrap();
        let mut given = holder.channel.given();
        given.extend(next.channel.given());
        assert_eq!(given, ["one", "two", "three", "four", "five"]);

        world.say(&chat, "six").await;
        all_sent(&world, &chat).await;
        assert_eq!(next.channel.given().last().unwrap(), "six");
        next.stop.cancel();
    };
    tokio::join!(a.run(&world, &readiness, "a"), b.run(&world, &readiness, "b"), story);
}

/// Lets a candidate look and its loop pass once a second, until it has sent something; returns after how many seconds.
async fn seconds_until_sent(
    world: &World,
    keeper: &mut Keeper,
    delivery: &mut DeliveryLoop,
    channel: &ScriptedChannel,
) -> u64 {
    for second in 1..=60 {
        world.clock.advance(SECOND);
        keeper.tick().await.unwrap();
        // Twice, as the loop goes on after every end.
        pass(delivery).await;
        pass(delivery).await;
        if !channel.given().is_empty() {
            return second;
        }
    }
    panic!("nothing was ever sent");
}

#[tokio::test]
async fn a_gateway_killed_while_sending_is_succeeded_by_the_policy_and_in_order() {
    for (resend, given, states) in [
        (
            Resend::Harmless,
            vec!["one", "two"],
            [OutboxState::Sent, OutboxState::Sent],
        ),
        (Resend::Never, vec!["two"], [OutboxState::Uncertain, OutboxState::Sent]),
    ] {
        let world = World::new();
        let group = world.group("g", true).await;
        let chat = world.chat("test:a", &group).await;
        let first = world.say(&chat, "one").await;
        world.say(&chat, "two").await;
        let killed = world.hold("a").await;
        let now = world.clock.now();
        world.store.begin_delivery(&killed, first, now).await.unwrap().unwrap();

        let channel = ScriptedChannel::new(resend, []);
        let mut keeper = world.keeper("b");
        let mut delivery = DeliveryLoop::new(channel.clone(), Lease::of(&keeper), world.tools(), world.health());
        let waited = seconds_until_sent(&world, &mut keeper, &mut delivery, &channel).await;
        assert_eq!(waited, 16, "first seen after a second, then silent for fifteen");
        pass(&mut delivery).await;
        assert_eq!(channel.given(), given, "{resend:?}");
        assert_eq!(world.states(&chat).await, states, "{resend:?}");
    }
}

#[tokio::test]
async fn a_stale_holder_charges_nothing_whatever_it_believes() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let id = world.say(&chat, "one").await;
    let channel = ScriptedChannel::new(Resend::Never, []);
    let (keeper, mut delivery) = world.kept_delivery(channel.clone()).await;
    let stale = keeper.held().borrow().clone().unwrap().hold;

    // Another takes the row without waiting, as only a defect could: the holder's clock still trusts its lease.
    let seen = world.store.lease(&stale.name).await.unwrap();
    world.store.take_lease(&stale.name, "b", &seen).await.unwrap().unwrap();
    pass(&mut delivery).await;
    pass(&mut delivery).await;
    assert!(channel.given().is_empty());
    let charged = world.store.begin_delivery(&stale, id, world.clock.now()).await;
    assert!(matches!(charged, Err(store::Error::LeaseLost(_))), "{charged:?}");
    let rows = world.store.deliveries_after(&chat, 0, 1).await.unwrap();
    assert_eq!((rows[0].state, rows[0].attempts), (OutboxState::Pending, 0));
}

#[tokio::test]
async fn a_holder_that_slept_does_nothing_before_it_renewed() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one").await;
    let channel = ScriptedChannel::new(Resend::Never, []);
    let (mut keeper, mut delivery) = world.kept_delivery(channel.clone()).await;
    world.clock.advance(60 * SECOND);
    pass(&mut delivery).await;
    assert!(channel.given().is_empty());
    keeper.tick().await.unwrap();
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["one"]);
}

#[tokio::test]
async fn who_slept_between_the_charge_and_the_send_does_not_send() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one").await;
    let channel = ScriptedChannel::new(Resend::Never, []);
    let (mut keeper, mut delivery) = world.kept_delivery(channel.clone()).await;
    delivery.tick(world.clock.now()).await.unwrap();
    world.outage.set(Manners::IsSilent);
    {
        let mut charging = pin!(delivery.settle());
        assert!(futures::poll!(&mut charging).is_pending(), "the charge is under way");
        world.clock.advance(9 * SECOND);
        world.outage.set(Manners::Answers);
        charging.await;
    }
    assert!(channel.given().is_empty());
    keeper.tick().await.unwrap();
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["one"], "and nothing is lost");
    assert_eq!(world.states(&chat).await, [OutboxState::Sent]);
}

/// What a channel asks before its message leaves may last until the account is somebody else's.
#[tokio::test]
async fn a_send_ends_with_the_hold_and_the_next_hold_decides() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one").await;
    let channel = ScriptedChannel::new(Resend::Never, []);
    channel.is_stuck.store(true, Ordering::Relaxed);
    let (mut keeper, mut delivery) = world.kept_delivery(channel.clone()).await;
    delivery.tick(world.clock.now()).await.unwrap();
    let charged = || async { world.states(&chat).await == [OutboxState::Sending] };
    eventually("it is charged", charged).await;
    world.clock.advance(9 * SECOND);
    delivery.settle().await;
    assert_eq!(world.states(&chat).await, [OutboxState::Sending]);

    channel.is_stuck.store(false, Ordering::Relaxed);
    channel.known.lock().unwrap().push_back(Reconciled::NotArrived);
    keeper.tick().await.unwrap();
    pass(&mut delivery).await;
    assert!(channel.given().is_empty(), "the platform was asked first");
    world.clock.advance(SECOND);
    keeper.tick().await.unwrap();
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["one"]);
    assert_eq!(world.states(&chat).await, [OutboxState::Sent]);
}

/// The platform would know a little later; who does not hold the account any more decides nothing by policy.
#[tokio::test]
async fn a_question_that_is_open_when_the_hold_ends_is_asked_again_in_the_next() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one").await;
    let channel = ScriptedChannel::new(Resend::Never, [lost()]);
    let later = Reconciled::AskLater(Duration::ZERO);
    channel.known.lock().unwrap().extend([later.clone(), later]);
    let (mut keeper, mut delivery) = world.kept_delivery(channel.clone()).await;
    delivery.tick(world.clock.now()).await.unwrap();
    let asked = || async { channel.known.lock().unwrap().len() < 2 };
    eventually("it is asked", asked).await;
    world.clock.advance(9 * SECOND);
    delivery.settle().await;
    assert_eq!(world.states(&chat).await, [OutboxState::Sending]);

    let arrived = Reconciled::Arrived { platform_id: None };
    channel.known.lock().unwrap().push_back(arrived);
    keeper.tick().await.unwrap();
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["one"]);
    assert_eq!(world.states(&chat).await, [OutboxState::Sent]);
}

#[tokio::test]
async fn what_a_dead_gateway_was_sending_follows_its_chat_to_another_account() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let elsewhere = ChatSeen {
        account: "other".into(),
        ..world.seen("test:a")
    };
    world.store.see_chat(&elsewhere).await.unwrap();
    let id = world.say(&chat, "one").await;
    let name = proto::lease::holding::LeaseName::Account {
        channel: "test".into(),
        account: "other".into(),
    };
    let seen = world.store.lease(&name).await.unwrap();
    let epoch = world.store.take_lease(&name, "dead", &seen).await.unwrap().unwrap();
    let dead = Hold {
        name,
        holder: "dead".into(),
        epoch,
    };
    let channel = ScriptedChannel::new(Resend::Harmless, []);
    let mut delivery = world.delivery(channel.clone()).await;
    pass(&mut delivery).await;
    world
        .store
        .begin_delivery(&dead, id, world.clock.now())
        .await
        .unwrap()
        .unwrap();

    world.store.see_chat(&world.seen("test:a")).await.unwrap();
    pass(&mut delivery).await;
    assert!(channel.given().is_empty(), "it blocks its chat");
    world.clock.advance(SETTLE_EVERY);
    pass(&mut delivery).await;
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["one"]);
}
