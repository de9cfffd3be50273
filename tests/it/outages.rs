//! What the node needs goes away and comes back: people are told once, and every message is answered once.

use std::time::Duration;

use doubles::{ApiError, Reply, Script, echo_script};
use tempfile::TempDir;
use tests::{Engine, World, invariant};

/// A short wait before a failed turn is tried again; everything else as it is.
const SOON: &str = "[runner]\nretry_backoff_ms = 200\n";
/// What a chat is told while sandboxes cannot be started.
const WAITING: &str = "I cannot start my sandbox right now";
/// What a chat is told when its message is given up.
const GIVEN_UP: &str = "Sorry, I could not answer your message";

/// Waits until `/readyz` says no for a reason.
async fn degraded(world: &World, reason: &str) {
    world
        .until("a reason why the node is not ready", async || {
            let report = world.readiness().await.unwrap_or_default();
            let said = report["conditions"]["sandboxes"]["reason"].as_str().unwrap_or_default();
            report["ready"] == false && said.contains(reason)
        })
        .await;
}

/// Waits for `count` replies; returns their texts.
async fn shown(world: &mut World, group: &str, count: usize) -> Vec<String> {
    let people = world.people(group);
    if !tests::within(Duration::from_secs(90), async || people.texts().len() >= count).await {
        panic!("{count} replies expected; the node's log:\n{}", world.log_tail());
    }
    world.people(group).texts()
}

/// A message waits in an outage: one notice, and its answer after `end` has ended the outage.
async fn told_once_and_answered(world: &mut World, reason: &str, end: impl AsyncFnOnce()) {
    degraded(world, reason).await;
    world.say("main", "hello").await;
    assert!(shown(world, "main", 1).await[0].starts_with(WAITING));
    // Several looks later it is still the only notice.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.people("main").texts().len(), 1, "an outage is told once");
    end().await;
    let texts = shown(world, "main", 2).await;
    assert_eq!(texts[1..], ["echo: hello"]);
    world.ready().await;
    invariant::check(world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_container_engine_waits_for_it_and_says_so() {
    let place = TempDir::with_prefix("ch").unwrap();
    let socket = place.path().join("engine.sock");
    let mut world = World::builder()
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .degraded()
        .start()
        .await;
    told_once_and_answered(&mut world, "cannot be reached", async || {
        std::os::unix::fs::symlink(Engine::socket(), &socket).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_its_image_says_how_to_build_it_and_starts_with_it() {
    let engine = Engine::connect().await;
    let name = format!("clawhold-test-{}", std::process::id());
    let mut world = World::builder()
        .env("CONTAINER_IMAGE", format!("{name}:latest"))
        .degraded()
        .start()
        .await;
    told_once_and_answered(&mut world, "clawhold image build", async || {
        engine.tag("clawhold-agent:latest", &name).await;
    })
    .await;
    engine.untag(&name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_model_is_asked_again_within_the_turn() {
    let mut world = World::start().await;
    world.say("main", "[[fail 529 2]] hello").await;
    world.expect("main", &["echo: hello"]).await;
    assert!(!world.log_text().contains("turn failed"), "the agent waited by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_stays_overloaded_for_a_whole_attempt_answers_in_the_next_once() {
    let script = echo_script().failing_first(6, ApiError::overloaded());
    let mut world = World::builder().model(script).config(SOON).start().await;
    world.say("main", "hello").await;
    world.expect("main", &["echo: hello"]).await;
    assert!(world.log_text().contains("turn failed"), "the first attempt failed");
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_in_the_log_and_the_message_waits_for_the_right_one() {
    let mut world = World::builder().env("ANTHROPIC_API_KEY", "sk-ant-wrong").start().await;
    world.say("main", "hello").await;
    world
        .until("the reason in the log", async || {
            let log = world.log_text();
            log.lines()
                .any(|line| line.contains("turn failed") && line.contains("HTTP 401"))
        })
        .await;
    assert!(
        !world.log_text().contains("sk-ant-wrong"),
        "the key itself is never told"
    );
    world.stop().await;
    world.run_with("ANTHROPIC_API_KEY", doubles::DEMO_API_KEY);
    world.expect("main", &["echo: hello"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_never_succeeds_is_put_aside_with_one_notice_and_costs_nobody_else() {
    let echo = echo_script();
    let script = Script::new(move |request| match request.last_user_text().contains("poison") {
        true => Reply::error(ApiError::invalid_request("poison")),
        false => echo.reply(request),
    });
    let mut world = World::builder()
        .model(script)
        .config(SOON)
        .open_group("other")
        .start()
        .await;
    world.say("main", "poison").await;
    world.say("other", "hello").await;
    world.expect("other", &["echo: hello"]).await;
    assert!(shown(&mut world, "main", 1).await[0].starts_with(GIVEN_UP));
    world.say("main", "and now?").await;
    let texts = shown(&mut world, "main", 2).await;
    assert_eq!(texts[1..], ["echo: and now?"]);
    let letters = world.api("GET", "/v1/dead-letters", None).await;
    assert_eq!(letters["dead_letters"].as_array().unwrap().len(), 1, "{letters}");
    assert_eq!(letters["dead_letters"][0]["text"], "poison", "{letters}");
    let attempts = world.log_text().matches("turn failed").count();
    assert_eq!(attempts, 5, "five attempts, no more");
    invariant::check(&mut world, &["main", "other"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_killed_from_outside_costs_a_wait_and_no_answer() {
    answered_although_killed("[[send early]] [[stall gate]] [[say done]]", &["early", "done"]).await;
}

/// OpenClaw #128720: a turn that is aborted before anything of it was delivered is never retried.
#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_killed_before_it_said_anything_costs_no_answer_either() {
    answered_although_killed("[[stall gate]] [[say done]]", &["done"]).await;
}

async fn answered_although_killed(text: &str, replies: &[&str]) {
    let mut world = World::builder().config(SOON).start().await;
    world.say("main", text).await;
    world.model.wait_stalled("gate", Duration::from_secs(60)).await.unwrap();
    assert_eq!(world.engine.kill(&world.install()).await, 1);
    world.model.release("gate");
    world.expect("main", replies).await;
    assert!(world.log_text().contains("the sandbox exited with code 137"));
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_takes_all_memory_takes_only_its_own() {
    // Room enough that the tool, not the agent, is the largest process when the limit is met: that one is killed.
    let config = format!("{SOON}[sandbox]\nmemory_mb = 1024\n");
    let mut world = World::builder().config(config).open_group("other").start().await;
    world
        .say("main", "[[bash head -c 2G /dev/zero | tail]] [[say done]]")
        .await;
    world.say("other", "hello").await;
    world.expect("other", &["echo: hello"]).await;
    world.expect("main", &["done"]).await;
    invariant::check(&mut world, &["main", "other"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_beyond_its_lease_recovers_by_itself_and_answers_once() {
    let mut world = World::builder().config(SOON).start().await;
    world.say("main", "[[send early]] [[stall gate]] [[say done]]").await;
    world.model.wait_stalled("gate", Duration::from_secs(60)).await.unwrap();
    world.node().freeze();
    // Longer than the time after which a runner must not trust itself any more.
    tokio::time::sleep(Duration::from_secs(15)).await;
    world.node().thaw();
    world.model.release("gate");
    world.expect("main", &["early", "done"]).await;
    world.say("main", "and now?").await;
    world.expect("main", &["early", "done", "echo: and now?"]).await;
    assert!(
        world.log_text().contains("no heartbeat got through"),
        "the node noticed that it was away"
    );
    invariant::check(&mut world, &["main"]).await;
}
