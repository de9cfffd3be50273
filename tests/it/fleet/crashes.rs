//! Services killed at named points and at random: nothing is lost, nothing is said twice.

use std::time::{Duration, Instant};

use tests::fleet::{Fleet, check};

/// A runner that stays away is declared dead after 15 s and found out within one look more; the rest is the turn itself, on a
/// machine that does other things.
const TAKEN_OVER: Duration = Duration::from_secs(25);

/// Kills the only service of its kind at a point, starts it again, and expects everything answered.
async fn killed_at(point: &str, service: impl Fn(&mut Fleet) -> &mut tests::fleet::Service) {
    let mut fleet = Fleet::builder().services(1, 1, 1).rooms(2).prepare().await;
    for each in fleet.services() {
        each.start();
    }
    fleet.ready().await;
    service(&mut fleet).kill();
    service(&mut fleet).start_with(&[("CLAWHOLD_CRASH_AT", point)]);
    let platform = std::sync::Arc::clone(&fleet.platform);
    let talk = tokio::spawn(async move {
        platform.say(0, "!early").await;
        platform.say(1, "").await;
    });
    let died = Instant::now();
    while service(&mut fleet).ended().is_none() {
        assert!(
            died.elapsed() < tests::fleet::PATIENCE,
            "{point} was not passed\n{}",
            fleet.logs()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    service(&mut fleet).start();
    talk.await.unwrap();
    fleet
        .until("all answers", async || fleet.platform.unanswered().is_empty())
        .await;
    check(&fleet).await;
}

macro_rules! points {
    ($($name:ident: $point:literal in $services:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            killed_at($point, |fleet| &mut fleet.$services[0]).await;
        })*
    };
}

points! {
    a_gateway_killed_after_the_broker_has_the_message: "intake.accepted" in gateways,
    a_gateway_killed_after_it_indexed: "index.committed" in gateways,
    a_gateway_killed_before_it_sends: "delivery.before-send" in gateways,
    a_gateway_killed_after_it_sent: "delivery.after-send" in gateways,
    a_runner_killed_after_its_claim: "claim.after" in runners,
    a_runner_killed_in_a_turn: "turn.prompted" in runners,
    a_runner_killed_after_an_early_message: "effect.recorded" in runners,
    a_runner_killed_after_the_upload: "snapshot.uploaded" in runners,
    a_runner_killed_before_its_commit: "commit.before" in runners,
    a_runner_killed_after_its_commit: "commit.after" in runners,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_comes_back_serves_its_groups_at_once_and_one_that_does_not_is_replaced() {
    let mut fleet = Fleet::builder().services(1, 1, 2).rooms(1).start().await;
    fleet.ask(0).await;
    let number = fleet.begin_turn(0, "").await;
    let busy = fleet.holder(0).await;
    fleet.runners[busy].kill();
    fleet.runners[busy].start();
    let back = fleet
        .within(Duration::from_secs(12), "the same runner to go on", async || {
            fleet.platform.is_answered(number)
        })
        .await;
    assert_eq!(fleet.holder(0).await, busy, "in place, after {back:?}");

    let number = fleet.begin_turn(0, "").await;
    fleet.runners[busy].kill();
    fleet
        .within(TAKEN_OVER, "another runner to take over", async || {
            fleet.platform.is_answered(number)
        })
        .await;
    assert_ne!(fleet.holder(0).await, busy);
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_and_a_scheduler_that_are_gone_for_good_are_replaced() {
    let mut fleet = Fleet::builder().services(2, 2, 1).rooms(2).start().await;
    fleet.ask(0).await;
    fleet.gateways[0].kill();
    fleet.schedulers[0].kill();
    fleet.platform.deliver_to(vec![fleet.gateways[1].http()]);
    for room in [0, 1] {
        let number = fleet.platform.say(room, "").await;
        fleet
            .within(TAKEN_OVER, "the other gateway to deliver", async || {
                fleet.platform.is_answered(number)
            })
            .await;
    }
    let leader = async || fleet.schedulers[1].metric("clawhold_leader").await == 1.0;
    fleet.within(TAKEN_OVER, "the other scheduler to lead", leader).await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_and_a_scheduler_that_are_asked_to_stop_hand_over_at_once() {
    let fleet = Fleet::builder().services(2, 2, 1).rooms(1).start().await;
    fleet.ask(0).await;
    let mut leading = 0;
    if fleet.schedulers[1].metric("clawhold_leader").await == 1.0 {
        leading = 1;
    }
    fleet.platform.deliver_to(vec![fleet.gateways[1].http()]);
    fleet.gateways[0].terminate();
    fleet.schedulers[leading].terminate();
    let follower = 1 - leading;
    let leader = async || fleet.schedulers[follower].metric("clawhold_leader").await == 1.0;
    fleet
        .within(Duration::from_secs(5), "the follower to lead", leader)
        .await;
    let took = fleet.ask(0).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    check(&fleet).await;
}
