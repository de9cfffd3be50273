//! A container image that speaks NanoClaw's contract runs unmodified.
//!
//! `nanoclaw/` holds the image that stands for it: recorded behaviour, and nothing of ours in it.

use std::time::Duration;

use tests::{Engine, World, WorldBuilder, invariant, within};

const PATIENCE: Duration = Duration::from_secs(60);

/// The image's id, built from the cache if it was built before.
pub(crate) async fn image() -> String {
    let files = [
        ("Dockerfile", include_str!("nanoclaw/Dockerfile")),
        ("agent.mjs", include_str!("nanoclaw/agent.mjs")),
        ("entrypoint.sh", include_str!("nanoclaw/entrypoint.sh")),
    ];
    Engine::connect().await.build("clawhold-test-nanoclaw", &files).await
}

/// What the model was asked last.
fn last_request(world: &World) -> String {
    world.model.requests().last().unwrap().body.to_string()
}

async fn world() -> WorldBuilder {
    World::builder().env("CONTAINER_IMAGE", image().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_and_a_follow_up_goes_to_the_same_container() {
    let mut world = world().await.start().await;
    world.say("main", "one").await;
    world.expect("main", &["echo: one"]).await;
    let before = world.engine.sandboxes(&world.install()).await;
    world.say("main", "two").await;
    world.expect("main", &["echo: one", "echo: two"]).await;
    let after = world.engine.sandboxes(&world.install()).await;
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_eq!(before[0].id, after[0].id, "the same container served both");
    let last = last_request(&world);
    assert!(
        last.contains(">one<") && last.contains(">two<"),
        "one conversation: {last}"
    );
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_sent_while_a_turn_is_open_are_answered_after_it() {
    let mut world = world().await.start().await;
    world.say("main", "[[stall gate]] one").await;
    world.model.wait_stalled("gate", PATIENCE).await.unwrap();
    world.say("main", "two").await;
    world.model.release("gate");
    world.expect("main", &["echo: one", "echo: two"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn send_message_arrives_once_and_before_the_answer() {
    let mut world = world().await.start().await;
    world.say("main", "[[send on it]] [[say done]]").await;
    world.expect("main", &["on it", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cr_d2_and_cr_d3_an_answer_may_hold_markers_and_characters_cut_in_two() {
    let mut world = world().await.start().await;
    let text = "größe 👋 ---NANOCLAW_OUTPUT_END--- and ---NANOCLAW_OUTPUT_START--- \"whole\" \\";
    world.say("main", &format!("[[say {text}]]")).await;
    world.expect("main", &[text]).await;
    world.say("main", "next").await;
    world.expect("main", &[text, "echo: next"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ar_10_an_error_is_tried_again_and_is_no_answer() {
    let mut world = world().await.start().await;
    world.say("main", "[[fail 500 1]] hello").await;
    world.expect("main", &["echo: hello"]).await;
    assert_eq!(world.model.request_count(), 2, "asked again, once");
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_container_is_asked_to_close_exits_by_itself_and_the_session_goes_on() {
    let mut world = world().await.env("IDLE_TIMEOUT", 1500).start().await;
    world.say("main", "remember the heron").await;
    world.expect("main", &["echo: remember the heron"]).await;
    let install = world.install();
    world
        .until("the idle container to be gone", async || {
            world.engine.sandboxes(&install).await.is_empty()
        })
        .await;
    assert_eq!(world.engine.exit_codes(&install).await, [0], "nobody had to kill it");
    assert!(world.log_text().contains("Close sentinel received"), "it read _close");
    world.say("main", "what was it?").await;
    world
        .expect("main", &["echo: remember the heron", "echo: what was it?"])
        .await;
    let last = last_request(&world);
    assert!(last.contains("remember the heron"), "the session was resumed: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ar_d2_a_session_that_is_gone_does_not_silence_the_group() {
    let mut world = world().await.start().await;
    world.say("main", "one").await;
    world.expect("main", &["echo: one"]).await;
    world.stop().await;
    let claude = world.data().join("sessions/main/.claude");
    for entry in std::fs::read_dir(claude).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("session-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    world.run(None);
    world.say("main", "two").await;
    world.expect("main", &["echo: one", "echo: two"]).await;
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_a_turn_it_is_answered_once() {
    let mut world = world().await.start().await;
    world.say("main", "[[send early]] [[stall gate]] [[say done]]").await;
    world.model.wait_stalled("gate", PATIENCE).await.unwrap();
    let install = world.install();
    let sandbox = world.engine.sandboxes(&install).await.remove(0).id.unwrap();
    let kill = r#"for process in /proc/[0-9]*; do
        case "$(cat "$process/cmdline")" in node/app/agent.mjs) kill -9 "${process#/proc/}" ;; esac
    done"#;
    world.engine.exec(&sandbox, &["sh", "-c", kill]).await;
    let killed = within(PATIENCE, async || world.engine.exit_codes(&install).await == [137]).await;
    assert!(killed, "{:?}", world.engine.exit_codes(&install).await);
    world.model.release("gate");
    world.expect("main", &["early", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
}

/// Writes a request as NanoClaw's tools do: whole or not at all.
fn drop_task(json: &str) -> String {
    let tasks = "/workspace/ipc/tasks";
    format!(
        "[[bash printf '%s' '{json}' > {tasks}/1-abc.json.tmp; mv {tasks}/1-abc.json.tmp {tasks}/1-abc.json]] [[say done]]"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn only_main_registers_groups() {
    let mut world = world().await.open_group("team").start().await;
    world.say("team", "hello").await;
    world.expect("team", &["echo: hello"]).await;
    let register = |group: &str, name: &str| {
        drop_task(&format!(
            r#"{{"type":"register_group","jid":"cli:{group}","name":"{name}","folder":"{group}","trigger":"@Andy"}}"#
        ))
    };
    world.say("team", &register("main", "Stolen")).await;
    world.expect("team", &["echo: hello", "done"]).await;
    world
        .until("the group's request to be refused", async || {
            world.log_text().contains("not_authorised")
        })
        .await;
    world.say("main", &register("team", "The heron watchers")).await;
    world.expect("main", &["done"]).await;
    let groups = world.api("GET", "/v1/groups", None).await.to_string();
    assert!(groups.contains("The heron watchers"), "{groups}");
    assert!(!groups.contains("Stolen"), "{groups}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ipc_21_main_sees_snapshots_of_the_world() {
    let mut world = world().await.start().await;
    let look = "cat /workspace/ipc/current_tasks.json /workspace/ipc/available_groups.json";
    world.say("main", &format!("[[bash {look}]] [[say done]]")).await;
    world.expect("main", &["done"]).await;
    let last = last_request(&world);
    assert!(last.contains("lastSync"), "{last}");
}

/// Writes a file into `tasks/`, as the container's tools do, and shows what the host says of tasks.
fn file(name: &str, request: &serde_json::Value) -> String {
    let dir = "/workspace/ipc/tasks";
    format!("[[bash printf '%s' '{request}' > {dir}/{name}.tmp && mv {dir}/{name}.tmp {dir}/{name}.json]]")
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_04_and_ipc_05_to_20_tasks_are_scheduled_by_file_and_shown_in_the_snapshot() {
    let mut world = world().await.start().await;
    let schedule = serde_json::json!({
        "type": "schedule_task", "taskId": "task-1773482400000-a1b2c3", "prompt": "water", "schedule_type": "interval",
        "schedule_value": "3600000", "context_mode": "group", "targetJid": "cli:main", "createdBy": "someone-else",
    });
    let wrong = serde_json::json!({
        "type": "schedule_task", "prompt": "water", "schedule_type": "interval", "schedule_value": "5min",
        "targetJid": "cli:main",
    });
    world
        .say(
            "main",
            &format!("{} {} [[say done]]", file("a", &schedule), file("b", &wrong)),
        )
        .await;
    world.expect("main", &["done"]).await;
    let tasks = async || {
        let said = world.command(&["task", "list", "--json"], "").await;
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["tasks"].clone()
    };
    world
        .until("the task", async || {
            tasks().await[0]["id"] == "task-1773482400000-a1b2c3"
        })
        .await;
    assert_eq!(
        tasks().await.as_array().unwrap().len(),
        1,
        "what is wrong is refused whole (IPC-D3)"
    );
    assert_eq!(tasks().await[0]["origin"], "agent");
    let pause = serde_json::json!({ "type": "pause_task", "taskId": "task-1773482400000-a1b2c3" });
    // In the same container: what was made in it is in its snapshot (MCP-D3).
    world
        .say(
            "main",
            &format!(
                "[[bash cat /workspace/ipc/current_tasks.json]] {} [[say paused]]",
                file("c", &pause)
            ),
        )
        .await;
    world.expect("main", &["done", "paused"]).await;
    assert!(last_request(&world).contains("groupFolder"), "{}", last_request(&world));
    let tasks = async || {
        let said = world.command(&["task", "list", "--json"], "").await;
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["tasks"].clone()
    };
    world
        .until("the pause", async || tasks().await[0]["status"] == "paused")
        .await;
}
