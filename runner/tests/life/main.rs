//! The life of a runner on a host that misbehaves: its real loops over the rows in memory, with agents that are a few lines and a
//! container runtime that fails when told.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

mod agent;
mod away;
mod rough;
mod world;

use std::time::{Duration, Instant};

use bus::{Hint, Hints};
use proto::ids::{GroupId, RunnerId};
use proto::time::Clock;
use proto::turn::TurnState;
use proto::turn::retry::ATTEMPTS_MAX;
use runner::config::Lease;
use service::lifecycle::Lifecycle;
use service::readiness::State;
use store::Store;
use store::outage::Manners;

use world::{World, claim_of_a_lost_answer, hangs_over_a_lost_claim};

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
    hangs_over_a_lost_claim(&world).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_files_are_away_waits_for_them_and_costs_others_a_moment() {
    let (mut world, blobs) = World::prepare().with_blobs();
    world.slots = 1;
    let elsewhere = Lifecycle::new();
    world.start_runner_as("elsewhere", &elsewhere).await.unwrap().unwrap();
    world.say("moved", "write something").await;
    world
        .until_async("the answer", async || !world.said("moved").await.is_empty())
        .await;
    elsewhere.begin_hard_stop();
    world
        .until_async("the end of the claim", async || world.owned().await.is_empty())
        .await;
    blobs.withhold(Some("moved"));
    world.start_runner().await.unwrap().unwrap();

    world.append("moved", "and now?").await;
    // Past the moment in which the runner that had the group last may have it first.
    world.clock.advance(Duration::from_secs(1));
    world.until("a restore", || blobs.refused() > 0).await;
    world.say("a", "hello").await;
    world
        .until("another try, and the answer of the other group", || {
            let report = world.readiness.report();
            assert_eq!(report.conditions["sandboxes"], State::Ok, "sandboxes can be started");
            blobs.refused() > 1 && world.agents.answered("a")
        })
        .await;
    assert_eq!(world.said("moved").await.len(), 1, "nobody is told of an outage");

    blobs.withhold(None);
    world
        .until_async("the answer", async || world.said("moved").await.len() > 1)
        .await;
    let turn = world.turn("moved").await;
    assert_eq!((turn.state, turn.attempt), (TurnState::Committed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_that_a_group_left_behind_is_removed_and_its_files_come_back_with_it() {
    let (mut world, _blobs) = World::prepare().with_blobs();
    world.keep_copies_ms = 20;
    let answers_on = async |runner: &str, text: &str| {
        let lifecycle = Lifecycle::new();
        world.start_runner_as(runner, &lifecycle).await.unwrap().unwrap();
        let before = world.said("moved").await.len();
        world.say("moved", text).await;
        world
            .until_async("the answer", async || world.said("moved").await.len() > before)
            .await;
        lifecycle
    };
    let leave = async |lifecycle: Lifecycle| {
        lifecycle.begin_hard_stop();
        world
            .until_async("the end of the claim", async || world.owned().await.is_empty())
            .await;
        // Past the moment in which the runner that had the group last may have it first.
        world.clock.advance(Duration::from_secs(1));
    };
    let notes = |runner: &str| world.workspace(runner, "moved").join("notes");
    leave(answers_on("one", "write this").await).await;
    leave(answers_on("two", "write that").await).await;
    let newest = std::fs::read(notes("two")).unwrap();
    assert_ne!(std::fs::read(notes("one")).unwrap(), newest);

    // It has nothing to do but to look at what it has.
    let (one, two) = (Lifecycle::new(), Lifecycle::new());
    world.start_runner_as("one", &one).await.unwrap().unwrap();
    world
        .until("the removal", || !world.workspace("one", "moved").exists())
        .await;
    one.begin_hard_stop();
    world.start_runner_as("two", &two).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(
        notes("two").exists(),
        "the newest copy is the only one on a disk of ours"
    );
    two.begin_hard_stop();

    leave(answers_on("one", "read").await).await;
    assert_eq!(std::fs::read(notes("one")).unwrap(), newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_which_every_run_panics_is_given_up_and_costs_nobody_else() {
    let world = World::start().await;
    world.rough.panics_over("a");
    world.say("a", "hello").await;
    world.until("a panic", || world.rough.panics() > 0).await;
    world.say("b", "hello").await;
    world.until("the other answer", || world.agents.answered("b")).await;
    world
        .until_async("the notice", async || !world.said("a").await.is_empty())
        .await;
    assert_eq!(world.rough.panics(), ATTEMPTS_MAX);
    let said = world.said("a").await;
    assert!(said.len() == 1 && said[0].starts_with("Sorry"), "{said:?}");
    let letters = world.rows.dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("panicked"), "{}", letters[0].reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_back_an_old_claim_does_not_kill_the_sandbox_of_the_next() {
    let world = World::start().await;
    let lost = hangs_over_a_lost_claim(&world).await;
    // Meanwhile somebody else ends the claim, and this runner takes the group again.
    world.rows.release_group(&lost, true, world.clock.now()).await.unwrap();
    world.hints.publish(Hint::Ready { runner: None });
    world.until("the answer", || world.agents.answered("lost")).await;
    world.rough.hangs_when_listing(false);
    // One pass at a time: what comes of the next one, the first has ended before.
    world.group("another").await;
    world.append("another", "hello").await;
    claim_of_a_lost_answer(&world).await;
    world
        .until("the last answer", || world.agents.answered("another"))
        .await;
    let acting = world.engine.acting();
    let of_group = acting.iter().find(|spec| spec.labels.group == lost.group);
    assert_eq!(of_group.unwrap().labels.epoch, lost.epoch.next());
}
