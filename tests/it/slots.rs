//! More groups than slots, sandboxes that stay warm, and a runner that stops.

use std::time::Duration;

use tests::{World, invariant};

#[tokio::test(flavor = "multi_thread")]
async fn six_groups_on_five_slots_are_all_answered_without_waiting_for_an_idle_time_out() {
    let groups = ["main", "b", "c", "d", "e", "f"];
    let mut builder = World::builder();
    for group in &groups[1..] {
        builder = builder.open_group(group);
    }
    let mut world = builder.start().await;
    for group in groups {
        world.say(group, &format!("hello {group}")).await;
    }
    for group in groups {
        world.expect(group, &[&format!("echo: hello {group}")]).await;
    }
    invariant::check(&mut world, &groups).await;
    let install = world.install();
    assert!(
        world.engine.sandboxes(&install).await.len() <= 5,
        "never more sandboxes than slots"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_group_lets_a_waiting_group_go_first() {
    let mut world = World::builder()
        .env("MAX_CONCURRENT_CONTAINERS", 1)
        .open_group("other")
        .start()
        .await;
    world.say("main", "[[stall gate]] one").await;
    world.model.wait_stalled("gate", Duration::from_secs(60)).await.unwrap();
    world.say("other", "hello").await;
    // The follow-up comes while the other group waits: it must not get the slot first.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.say("main", "two").await;
    world.model.release("gate");
    world.expect("other", &["echo: hello"]).await;
    world.expect("main", &["echo: one", "echo: two"]).await;
    let requests = world.model.requests();
    let first = |text: &str| {
        requests
            .iter()
            .position(|request| request.body.to_string().contains(text))
            .unwrap()
    };
    assert!(
        first(">hello<") < first(">two<"),
        "the group that waited longer went first"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_sandbox_serves_the_next_message_and_closes_after_its_idle_time() {
    let mut world = World::builder().env("IDLE_TIMEOUT", 4000).start().await;
    world.say("main", "one").await;
    world.expect("main", &["echo: one"]).await;
    let install = world.install();
    let before = world.engine.sandboxes(&install).await;
    world.say("main", "two").await;
    world.expect("main", &["echo: one", "echo: two"]).await;
    let after = world.engine.sandboxes(&install).await;
    assert_eq!(
        (before.len(), &before[0].id),
        (1, &after[0].id),
        "the same sandbox served both"
    );
    world
        .until("the idle sandbox to close", async || {
            world.engine.sandboxes(&install).await.is_empty()
        })
        .await;
    world.say("main", "three").await;
    world.expect("main", &["echo: one", "echo: two", "echo: three"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_node_finishes_the_turn_it_began() {
    let mut world = World::start().await;
    world.say("main", "[[stall gate]] hello").await;
    world.model.wait_stalled("gate", Duration::from_secs(60)).await.unwrap();
    world.node().terminate();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.model.release("gate");
    assert!(world.ended().await.success(), "a drained node ends well");
    world.run(None);
    world.expect("main", &["echo: hello"]).await;
    let prompts = world
        .model
        .requests()
        .iter()
        .filter(|request| request.body.to_string().contains("hello"))
        .count();
    assert!(prompts <= 2, "the turn was not repeated after the restart");
}
