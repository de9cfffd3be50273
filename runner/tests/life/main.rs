//! The life of a runner on a host that misbehaves: its real loops over the rows in memory, with agents that are a few lines and a
//! container runtime that fails when told.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

mod agent;
mod rough;
mod world;

use std::time::{Duration, Instant};

use proto::ids::{GroupId, RunnerId};
use runner::config::Lease;
use store::Store;
use store::outage::Manners;

use world::{World, claim_of_a_lost_answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_recorded_even_if_its_sandbox_cannot_be_killed_at_once() {
    let world = World::start().await;
    world.rough.kill_fails(true);
    world.say("a", "crash").await;
    world.until("the failed kill", || world.rough.failed_kills() > 1).await;
    assert_eq!(world.owned().await, ["a"], "nobody else may start a sandbox yet");
    assert_eq!(world.error_of_turn("a").await, None);
    world.rough.kill_fails(false);
    world
        .until_async("the failure", async || world.error_of_turn("a").await.is_some())
        .await;
    assert!(world.owned().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_nobody_can_talk_to_is_killed_before_its_group_goes_on() {
    let world = World::start().await;
    world.rough.breaks_links(true);
    world.rough.kill_fails(true);
    world.say("a", "hello").await;
    world.until("the failed kill", || world.rough.failed_kills() > 1).await;
    assert_eq!(world.owned().await, ["a"]);
    assert_eq!(world.engine.acting().len(), 1);
    world.rough.kill_fails(false);
    world
        .until_async("the end of the claim", async || world.owned().await.is_empty())
        .await;
    assert!(world.engine.acting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_hangs_does_not_keep_other_groups_waiting() {
    let world = World::start().await;
    // The runner has looked after its own past, for which it lists.
    world.say("first", "hello").await;
    world.until("the first answer", || world.agents.answered("first")).await;
    world.rough.hangs_when_listing(true);
    // Owned and not served, so to be given back, for which the runtime must be asked.
    world.group("lost").await;
    world.append("lost", "hello").await;
    claim_of_a_lost_answer(&world).await;
    world
        .until("the question", || world.rough.listings_that_hang() > 0)
        .await;
    world.say("a", "hello").await;
    world.until("an answer", || world.agents.answered("a")).await;
    world.rough.hangs_when_listing(false);
    world.until("the other answer", || world.agents.answered("lost")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_sandbox_is_paused_even_if_that_fails_at_first() {
    let world = World::start().await;
    world.say("a", "hello").await;
    world.until("an answer", || world.agents.answered("a")).await;
    assert_eq!(world.engine.acting().len(), 1);
    world.rough.pauses_that_fail(2);
    world.outage.set(Manners::Refuses);
    world.clock.advance(Duration::from_secs(10));
    world.until("a pause", || world.engine.acting().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_gets_no_answer_does_not_hide_that_trust_has_ended() {
    let mut world = World::prepare();
    world.lease = Lease::Calm;
    let timings = world.lease.timings();
    world.start_runner().await.unwrap().unwrap();
    world.say("a", "hello").await;
    world.until("an answer", || world.agents.answered("a")).await;
    world.outage.set(Manners::IsSilent);
    world.clock.advance(timings.heartbeat);
    // The next beat begins when it is looked for.
    tokio::time::sleep(timings.heartbeat / 5).await;
    let hanging = Instant::now();
    world.clock.advance(timings.trust);
    world.until("a pause", || world.engine.acting().is_empty()).await;
    // The beat is given up after an interval.
    assert!(hanging.elapsed() < timings.heartbeat * 3 / 5, "{:?}", hanging.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_starts_while_the_store_is_away_begins_when_it_is_back() {
    let world = World::prepare();
    world.outage.set(Manners::Refuses);
    let starting = world.start_runner();
    world
        .until("the condition", || {
            format!("{:?}", world.readiness.report()).contains("cannot be registered")
        })
        .await;
    assert!(world.rows.runners().await.unwrap().is_empty());
    world.outage.set(Manners::Answers);
    starting.await.unwrap().unwrap();
    let runners = world.rows.runners().await.unwrap();
    assert_eq!(runners.len(), 1);
    assert_eq!(runners[0].runner, RunnerId::new(world::RUNNER));
    let group = world.group("a").await;
    assert_eq!(group, GroupId::parse("a").unwrap());
    world.say("a", "hello").await;
    world.until("an answer", || world.agents.answered("a")).await;
}
