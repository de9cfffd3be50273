//! Services that are cut off or stand still: fenced, replaced, and harmless when they come back.

use std::time::Duration;

use tests::fleet::{Fleet, check};

/// Longer than it takes to be declared dead.
const LONG: Duration = Duration::from_secs(20);
const TAKEN_OVER: Duration = Duration::from_secs(30);

/// A fleet whose room 0 is in the middle of a long turn; returns the number of the runner that has it, and of the message.
async fn in_a_turn(fleet: &Fleet) -> (usize, u64) {
    let number = fleet.begin_turn(0, "!early").await;
    (fleet.holder(0).await, number)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_stands_still_is_replaced_and_does_no_harm_when_it_goes_on() {
    let mut fleet = Fleet::builder().services(1, 1, 2).rooms(1).start().await;
    let (busy, number) = in_a_turn(&fleet).await;
    fleet.runners[busy].freeze();
    fleet
        .within(TAKEN_OVER, "another runner to answer", async || {
            fleet.platform.is_answered(number)
        })
        .await;
    fleet.runners[busy].thaw();
    fleet.ask(0).await;
    // Its life is over: it ends, and whoever supervises it starts the next one.
    fleet.runners[busy].until_ended().await;
    fleet.runners[busy].start();
    fleet.ready().await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_cut_off_from_the_database_is_fenced_replaced_and_comes_back() {
    let fleet = Fleet::builder().services(1, 1, 2).rooms(1).start().await;
    let (busy, number) = in_a_turn(&fleet).await;
    fleet.runners[busy].links.postgres.blackhole();
    fleet
        .within(TAKEN_OVER, "another runner to answer", async || {
            fleet.platform.is_answered(number)
        })
        .await;
    fleet.runners[busy].links.heal().await;
    fleet.ask(0).await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_cut_off_from_the_broker_keeps_working() {
    let fleet = Fleet::builder().services(1, 1, 1).rooms(3).start().await;
    // Their files are in the broker's object store by then: turns that change none do without it.
    for room in 0..3 {
        fleet.ask(room).await;
    }
    fleet.runners[0].links.nats.cut().await;
    for room in 0..3 {
        let took = fleet.ask(room).await;
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
    fleet.runners[0].links.heal().await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_cut_off_from_the_database_still_takes_messages() {
    let fleet = Fleet::builder().services(1, 1, 1).rooms(2).start().await;
    for room in 0..2 {
        fleet.ask(room).await;
    }
    fleet.gateways[0].links.postgres.cut().await;
    let numbers = [fleet.platform.say(0, "").await, fleet.platform.say(1, "").await];
    // It says what is wrong, and a balancer goes on sending to it.
    fleet
        .until("the trouble to be told", async || {
            let Some(report) = fleet.gateways[0].readiness().await else {
                return false;
            };
            assert_eq!(report["ready"], true, "{report}");
            let is_impaired = |part: &str| report["conditions"][part]["state"] == "impaired";
            is_impaired("indexer") && is_impaired("delivery")
        })
        .await;
    assert!(numbers.iter().all(|number| !fleet.platform.is_answered(*number)));
    fleet.gateways[0].links.heal().await;
    fleet
        .until("the answers", async || {
            numbers.iter().all(|number| fleet.platform.is_answered(*number))
        })
        .await;
    check(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stands_still_is_replaced_and_two_do_no_harm() {
    let fleet = Fleet::builder().services(1, 2, 1).rooms(1).start().await;
    let leads = async |number: usize| fleet.schedulers[number].metric("clawhold_leader").await == 1.0;
    fleet.until("a leader", async || leads(0).await || leads(1).await).await;
    let leader = usize::from(leads(1).await);
    fleet.schedulers[leader].freeze();
    fleet
        .within(LONG + LONG, "the other to lead", async || leads(1 - leader).await)
        .await;
    fleet.schedulers[leader].thaw();
    fleet.until("the first to notice", async || !leads(leader).await).await;
    fleet.ask(0).await;
    check(&fleet).await;
}
