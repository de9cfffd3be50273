//! Kill the process at any moment of a turn, start it again: the message is answered exactly once.

use std::time::Duration;

use tests::{World, invariant};

/// Runs one story: the node is killed at the crash point while it deals with `text`, starts again, and answers `replies`.
async fn killed_at(point: &str, text: &str, replies: &[&str]) {
    let mut world = World::start().await;
    world.stop().await;
    world.run(Some(point));
    let saying = world.people("main").start_saying(text);
    world.ended().await;
    world.run(None);
    saying.await.unwrap();
    world.expect("main", replies).await;
    invariant::check(&mut world, &["main"]).await;
    let install = world.install();
    let running = world.engine.sandboxes(&install).await;
    assert!(
        running.len() <= 1,
        "sandboxes of the dead process are gone: {running:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_message_was_stored_and_before_anybody_was_told() {
    killed_at("intake.accepted", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_claim() {
    killed_at("claim.after", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_turn_began() {
    killed_at("turn.begun", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_prompt_was_in_the_transcript() {
    killed_at("turn.prompted", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_early_message_was_recorded() {
    killed_at("effect.recorded", "[[send on it]] [[say done]]", &["on it", "done"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_commit() {
    killed_at("commit.before", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit() {
    killed_at("commit.after", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_delivery() {
    killed_at("delivery.before-send", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_delivery_that_was_not_recorded() {
    killed_at("delivery.after-send", "hello", &["echo: hello"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_model_works() {
    let mut world = World::start().await;
    world.say("main", "[[send early]] [[stall gate]] [[say done]]").await;
    world.model.wait_stalled("gate", Duration::from_secs(60)).await.unwrap();
    world.kill();
    world.model.release("gate");
    world.run(None);
    world.expect("main", &["early", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_tool_runs() {
    let mut world = World::start().await;
    world
        .say(
            "main",
            "[[send started]] [[bash sleep 2; echo run >> runs.txt]] [[say done]]",
        )
        .await;
    let people = world.people("main");
    assert!(tests::within(Duration::from_secs(60), async || people.texts() == ["started"]).await);
    world.kill();
    world.run(None);
    world.expect("main", &["started", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_many_moments_in_a_row() {
    let mut world = World::start().await;
    world
        .say(
            "main",
            "[[send one]] [[slow 300]] [[send two]] [[slow 300]] [[say done]]",
        )
        .await;
    for round in 0..6_u32 {
        tokio::time::sleep(Duration::from_millis(u64::from(150 + 217 * round))).await;
        world.kill();
        world.run(None);
    }
    world.expect("main", &["one", "two", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
}
