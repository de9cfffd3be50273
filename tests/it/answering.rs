//! A message goes through a real sandbox and comes back.

use tests::{World, invariant};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_through_a_real_sandbox() {
    let mut world = World::start().await;
    world.say("main", "hello").await;
    world.expect("main", &["echo: hello"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chatter_without_a_trigger_becomes_context_of_the_message_that_calls() {
    let mut world = World::builder().group("team").start().await;
    world.say("team", "the code word is heron").await;
    world.say("team", "@Andy what is the code word?").await;
    world.expect("team", &["echo: @Andy what is the code word?"]).await;
    let requests = world.model.requests();
    let prompt = requests
        .iter()
        .find(|request| request.body.to_string().contains("what is the code word"))
        .unwrap();
    assert!(
        prompt.body.to_string().contains("the code word is heron"),
        "chatter is context"
    );
    invariant::check(&mut world, &["team"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_during_a_turn_is_answered_and_never_lost() {
    let mut world = World::start().await;
    world.say("main", "[[stall gate]] first").await;
    world
        .model
        .wait_stalled("gate", std::time::Duration::from_secs(60))
        .await
        .unwrap();
    world.say("main", "second").await;
    world.model.release("gate");
    world
        .until("both to be dealt with", async || {
            // Whether one answer covers both or each gets its own is the agent's choice; both must be covered.
            world
                .model
                .requests()
                .iter()
                .any(|request| request.body.to_string().contains("second"))
        })
        .await;
    let people = world.people("main");
    assert!(tests::within(std::time::Duration::from_secs(60), async || people.is_settled().await).await);
    assert!(people.texts().join("|").contains("second"), "{:?}", people.texts());
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_goes_on_in_the_next_turn_and_after_a_restart() {
    let mut world = World::start().await;
    world.say("main", "remember the heron").await;
    world.expect("main", &["echo: remember the heron"]).await;
    world.stop().await;
    world.run(None);
    world.say("main", "what was it?").await;
    world
        .expect("main", &["echo: remember the heron", "echo: what was it?"])
        .await;
    let requests = world.model.requests();
    let last = requests
        .iter()
        .rev()
        .find(|request| request.body.to_string().contains("what was it?"))
        .unwrap();
    assert!(
        last.body.to_string().contains("remember the heron"),
        "the transcript came back from the store"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_message_arrives_before_the_answer_and_internal_thoughts_do_not() {
    let mut world = World::start().await;
    world
        .say("main", "[[send on it]] [[internal hidden]] [[say done]]")
        .await;
    world.expect("main", &["on it", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_run_inside_the_hardened_sandbox() {
    let mut world = World::start().await;
    world
        .say(
            "main",
            "[[bash id -u; touch /etc/x; cat /proc/net/dev | wc -l; echo kept > note.txt]] [[say done]]",
        )
        .await;
    world.expect("main", &["done"]).await;
    let requests = world.model.requests();
    let all = requests
        .iter()
        .map(|request| request.body.to_string())
        .collect::<String>();
    assert!(all.contains("Read-only file system"), "the root is read-only");
    let note = std::fs::read_to_string(world.data().join("groups/main/note.txt")).unwrap();
    assert_eq!(note, "kept\n", "the workspace is the group's");
    assert!(
        !all.contains(doubles::DEMO_API_KEY),
        "the real key never enters the sandbox"
    );
}
