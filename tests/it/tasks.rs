//! Tasks on one node: fired when they are due, completed once whatever happens to the process, and seen in the history.

use std::time::Duration;

use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, RunOutcome, RunsOf, Task, TaskId, TaskPolicy, TaskRun, TaskSpec, TaskState};
use proto::time::Clock;
use serde_json::{Value, json};
use service::clock::SystemClock;
use store::Store;
use store::sqlite::SqliteStore;
use tests::{World, invariant};

/// From the start of the node to the due instant: long enough to be up by then.
const DUE_IN: Duration = Duration::from_secs(3);

fn spec(prompt: &str) -> TaskSpec {
    TaskSpec {
        group: GroupId::parse("main").unwrap(),
        chat: ChatId::new("cli:main"),
        prompt: prompt.to_owned(),
        // Due once in these stories: the next time is far away.
        schedule: Schedule::parse(ScheduleKind::Interval, "86400000").unwrap(),
        zone: "UTC".parse().unwrap(),
        context_mode: ContextMode::Group,
        check_script: None,
        policy: TaskPolicy::default(),
    }
}

fn id() -> TaskId {
    TaskId::parse("task").unwrap()
}

/// What the stand-in model answers to a task without a script: what it was told.
fn echo(prompt: &str) -> String {
    format!("echo: [SCHEDULED TASK - This was started by a schedule. Nobody in the chat has just written it.] {prompt}")
}

/// The rows of a node that does not run.
fn rows(world: &World) -> SqliteStore {
    SqliteStore::open(&world.data().join("clawhold.db"), SystemClock::default().now()).unwrap()
}

/// A node whose main group has talked before, and has a task that is due in a moment.
async fn with_task(spec: TaskSpec) -> World {
    let mut world = prepared(spec).await;
    world.run(None);
    world
}

/// The same before it runs.
async fn prepared(spec: TaskSpec) -> World {
    let mut world = World::start().await;
    world.say("main", "hello").await;
    world.expect("main", &["echo: hello"]).await;
    world.stop().await;
    let now = SystemClock::default().now();
    let task = Task {
        next_due: Some(now + DUE_IN),
        ..Task::made(id(), spec, now).unwrap()
    };
    let stored = rows(&world).put_task(&task, None, now).await.unwrap();
    assert!(stored.is_some());
    world
}

/// Stops the node and looks at what history says.
async fn runs(world: &mut World) -> Vec<TaskRun> {
    world.stop().await;
    rows(world).task_runs(&RunsOf::Task(id()), 10).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sc_09_a_task_fires_at_its_time_and_its_answer_goes_to_its_chat() {
    let mut world = with_task(spec("[[say watered]]")).await;
    world.expect("main", &["echo: hello", "watered"]).await;
    invariant::check(&mut world, &["main"]).await;
    let runs = runs(&mut world).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].outcome, RunOutcome::Answered);
    assert!(runs[0].cost_micros.is_some());
    let task = rows(&world).task(&id()).await.unwrap().unwrap();
    assert_eq!((task.state, task.failures_in_row), (TaskState::Active, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sc_d1_a_run_that_is_killed_in_the_middle_is_completed_once() {
    let mut world = with_task(spec("[[send early]] [[stall gate]] [[say done]]")).await;
    world.model.wait_stalled("gate", Duration::from_secs(90)).await.unwrap();
    world.kill();
    world.model.release("gate");
    world.run(None);
    world.expect("main", &["echo: hello", "early", "done"]).await;
    invariant::check(&mut world, &["main"]).await;
    let runs = runs(&mut world).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].outcome, RunOutcome::Answered);
    assert!(runs[0].ended_at > runs[0].started_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_scheduler_is_killed_as_it_fires_runs_once() {
    let mut world = prepared(spec("[[say watered]]")).await;
    world.run(Some("task.fired"));
    world.ended().await;
    world.run(None);
    world.expect("main", &["echo: hello", "watered"]).await;
    invariant::check(&mut world, &["main"]).await;
    let runs = runs(&mut world).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sc_04_an_isolated_task_runs_beside_the_conversation_of_its_group() {
    let mut isolated = spec("[[say alone]]");
    isolated.context_mode = ContextMode::Isolated;
    let mut world = with_task(isolated).await;
    // Served in a sandbox that is warm when the task comes due, and must not be used for it.
    world.say("main", "two").await;
    world.expect("main", &["echo: hello", "echo: two", "alone"]).await;
    world.say("main", "three").await;
    world
        .expect("main", &["echo: hello", "echo: two", "alone", "echo: three"])
        .await;
    invariant::check(&mut world, &["main"]).await;
    assert_eq!(runs(&mut world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_sees_no_need_leaves_the_model_asleep() {
    let mut checked = spec("[[say never]]");
    checked.check_script = Some("echo '{\"wake\": false}'".to_owned());
    let mut world = with_task(checked).await;
    let socket = world.socket();
    world.until("the node", async || socket.exists()).await;
    tokio::time::sleep(DUE_IN).await;
    world.say("main", "two").await;
    world.expect("main", &["echo: hello", "echo: two"]).await;
    let runs = runs(&mut world).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].outcome, RunOutcome::NotWoken);
}

/// A time of day in UTC, soon enough to wait for and late enough to be scheduled first.
fn soon() -> String {
    let at = SystemClock::default().now() + Duration::from_secs(8);
    at.to_string()[..19].to_owned()
}

/// What `clawhold task …` says as JSON.
async fn task_command(world: &World, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = ["task", "--json"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    let said = world.command(&arguments, "").await;
    assert_eq!(said.code, 0, "{arguments:?}: {}", said.stderr);
    serde_json::from_str(&said.stdout).unwrap_or(Value::Null)
}

async fn listed(world: &World) -> Vec<Value> {
    let tasks = task_command(world, &["list", "--all"]).await;
    tasks["tasks"].as_array().cloned().unwrap()
}

fn schedule(prompt: &str, kind: &str, value: &str) -> String {
    let input = json!({ "prompt": prompt, "schedule_type": kind, "schedule_value": value, "context_mode": "group" });
    format!("[[tool schedule_task {input}]] [[say scheduled]]")
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_02_and_sc_06_an_agent_schedules_a_task_and_it_fires_and_history_says_so() {
    let mut world = World::start().await;
    world.say("main", &schedule("water the plants", "once", &soon())).await;
    world.expect("main", &["scheduled", &echo("water the plants")]).await;
    let tasks = listed(&world).await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (&tasks[0]["status"], &tasks[0]["origin"]),
        (&json!("completed"), &json!("agent"))
    );
    let id = tasks[0]["id"].as_str().unwrap();
    let runs = task_command(&world, &["history", id]).await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs["runs"][0]["outcome"], "answered");
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_d3_a_task_made_in_this_conversation_is_in_the_list_and_a_wrong_value_is_named() {
    let mut world = World::start().await;
    let text = format!(
        "{} [[tool list_tasks {{}}]] {}",
        schedule("water the plants", "cron", "0 9 * * *"),
        schedule("never", "interval", "5min"),
    );
    world.say("main", &text).await;
    world.expect("main", &["scheduled\nscheduled"]).await;
    let conversation = world.model.requests().last().unwrap().body.to_string();
    for told in ["next run: ", "water the plants (cron: 0 9 * * *", "5min", "300000"] {
        assert!(conversation.contains(told), "{told}: {conversation}");
    }
    assert_eq!(listed(&world).await.len(), 1, "what was refused was not made");
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_tried_again_schedules_its_task_once() {
    let mut world = World::start().await;
    world.stop().await;
    world.run(Some("task.stored"));
    let text = schedule("water the plants", "interval", "3600000");
    let saying = world.people("main").start_saying(&text);
    world.ended().await;
    world.run(None);
    saying.await.unwrap();
    world.expect("main", &["scheduled"]).await;
    let tasks = listed(&world).await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_06_and_ipc_05_to_09_other_groups_tasks_are_touched_from_main_alone() {
    let mut world = World::builder().open_group("team").start().await;
    task_command(
        &world,
        &[
            "add",
            "of-main",
            "--group",
            "main",
            "--schedule",
            "every 1d",
            "--prompt",
            "x",
        ],
    )
    .await;
    task_command(
        &world,
        &[
            "add",
            "of-team",
            "--group",
            "team",
            "--schedule",
            "every 1d",
            "--prompt",
            "x",
        ],
    )
    .await;
    let others = r#"[[tool pause_task {"task_id":"of-main"}]] [[tool list_tasks {}]] [[say tried]]"#;
    let own = r#"[[tool pause_task {"task_id":"of-team"}]] [[say paused]]"#;
    let from_main =
        r#"[[tool resume_task {"task_id":"of-team"}]] [[tool cancel_task {"task_id":"of-main"}]] [[say done]]"#;
    for (group, text, reply) in [("team", others, "tried"), ("team", own, "paused")] {
        world.say(group, text).await;
        let texts = if reply == "tried" {
            vec!["tried"]
        } else {
            vec!["tried", "paused"]
        };
        world.expect(group, &texts).await;
    }
    let told = world
        .model
        .requests()
        .iter()
        .map(|request| request.body.to_string())
        .collect::<String>();
    assert!(told.contains("not_authorised") && told.contains("of-team"));
    assert!(!told.contains("[of-main]"), "a group sees its own tasks alone");
    let states = (
        task_command(&world, &["show", "of-main"]).await,
        task_command(&world, &["show", "of-team"]).await,
    );
    assert_eq!(
        (&states.0["status"], &states.1["status"]),
        (&json!("active"), &json!("paused"))
    );
    world.say("main", from_main).await;
    world.expect("main", &["done"]).await;
    let tasks = listed(&world).await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (&tasks[0]["id"], &tasks[0]["status"]),
        (&json!("of-team"), &json!("active"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_managed_at_the_command_line() {
    let mut world = World::start().await;
    let add = [
        "add",
        "tea",
        "--group",
        "main",
        "--schedule",
        "0 9 * * 1-5",
        "--timezone",
        "Asia/Tokyo",
        "--prompt",
        "make tea",
    ];
    let added = task_command(&world, &add).await;
    assert_eq!(
        (&added["chat"], &added["timezone"]),
        (&json!("cli:main"), &json!("Asia/Tokyo"))
    );
    assert_eq!(added["next_runs"].as_array().unwrap().len(), 5);
    let said = world.command(&["task", "list"], "").await;
    assert!(
        said.stdout.contains("0 9 * * 1-5 (Asia/Tokyo)  next 20"),
        "{}",
        said.stdout
    );
    task_command(&world, &["edit", "tea", "--schedule", "every 90m", "--overlap", "skip"]).await;
    task_command(&world, &["pause", "tea"]).await;
    let shown = world.command(&["task", "show", "tea"], "").await;
    for line in ["every 1h 30m (Asia/Tokyo)", "paused", "make tea"] {
        assert!(shown.stdout.contains(line), "{}", shown.stdout);
    }
    task_command(&world, &["resume", "tea"]).await;
    world.people("main");
    task_command(&world, &["run-now", "tea"]).await;
    world.expect("main", &[&echo("make tea")]).await;
    let history = world.command(&["task", "history", "tea"], "").await;
    assert!(history.stdout.contains("answered"), "{}", history.stdout);
    assert_eq!(
        world.command(&["task", "cancel", "tea"], "").await.stdout,
        "cancelled tea\n"
    );
    for (wrong, says) in [
        (vec!["show", "tea"], "there is no task tea"),
        (
            vec!["add", "--group", "nobody", "--schedule", "every 1h", "--prompt", "x"],
            "there is no group",
        ),
        (
            vec!["add", "--group", "main", "--schedule", "every 5ms", "--prompt", "x"],
            "shorter than 10000 ms",
        ),
        (
            vec!["add", "--group", "main", "--schedule", "0 0 31 2 *", "--prompt", "x"],
            "never be due",
        ),
        (
            vec![
                "add",
                "--group",
                "main",
                "--schedule",
                "at 2020-01-01T00:00",
                "--prompt",
                "x",
            ],
            "choose a later time",
        ),
    ] {
        let arguments: Vec<&str> = ["task"].into_iter().chain(wrong).collect();
        let said = world.command(&arguments, "").await;
        assert!(
            said.code == 1 && said.stderr.contains(says),
            "{arguments:?}: {}",
            said.stderr
        );
    }
}

const DECLARED: &str = "
tasks:
  - name: standup
    group: main
    schedule: 0 9 * * 1-5
    timezone: Europe/Berlin
    prompt: Ask everybody.
  - name: water
    group: main
    schedule: every 2 days
    prompt: Water the plants.
    overlap: skip
";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_declares_tasks_and_applying_it_again_changes_nothing() {
    let world = World::start().await;
    task_command(
        &world,
        &[
            "add",
            "by-hand",
            "--group",
            "main",
            "--schedule",
            "every 1h",
            "--prompt",
            "x",
        ],
    )
    .await;
    let file = world.directory().join("tasks.yml");
    let apply = async |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let arguments: Vec<&str> = ["task", "apply", "tasks.yml"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        world.command(&arguments, "").await
    };
    let said = apply(DECLARED, &["--dry-run"]).await;
    assert!(said.stdout.contains("would be: 2 added"), "{said:?}");
    assert_eq!(listed(&world).await.len(), 1, "a dry run does nothing");
    let said = apply(DECLARED, &[]).await;
    assert!(
        said.stdout.contains("+ standup (main)") && said.stdout.contains("next runs: "),
        "{said:?}"
    );
    let said = apply(DECLARED, &[]).await;
    assert_eq!(
        said.stdout, "0 added, 0 changed, 0 removed, 2 as declared\n",
        "{said:?}"
    );
    let without = DECLARED.split("  - name: water").next().unwrap().replace("0 9", "30 9");
    let said = apply(&without, &[]).await;
    for part in [
        "~ standup (main)",
        "schedule: \"0 9 * * 1-5\" -> \"30 9 * * 1-5\"",
        "? water (main)",
        "--prune",
    ] {
        assert!(said.stdout.contains(part), "{part}: {said:?}");
    }
    assert_eq!(listed(&world).await.len(), 3);
    let said = apply(&without, &["--prune"]).await;
    assert!(said.stdout.contains("- water (main)"), "{said:?}");
    let names: Vec<_> = listed(&world).await.iter().map(|task| task["id"].clone()).collect();
    assert_eq!(
        names,
        [json!("by-hand"), json!("standup")],
        "what no file brought stays"
    );
    let said = apply(
        &DECLARED.replace("group: main\n    schedule: every", "group: nobody\n    schedule: every"),
        &[],
    )
    .await;
    let problem = "tasks.yml: task 2 (water): group: there is no group nobody";
    assert!(said.code == 1 && said.stderr.contains(problem), "{said:?}");
    assert_eq!(listed(&world).await.len(), 2, "nothing is done where anything is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn sc_d3_a_task_never_waits_for_an_idle_sandbox() {
    let mut world = World::builder()
        .env("MAX_CONCURRENT_CONTAINERS", 1)
        // Longer than this story: what frees the slot is the task.
        .env("IDLE_TIMEOUT", 3_600_000)
        .open_group("team")
        .start()
        .await;
    world.say("main", "hello").await;
    world.expect("main", &["echo: hello"]).await;
    world.people("team");
    task_command(
        &world,
        &[
            "add",
            "tea",
            "--group",
            "team",
            "--schedule",
            &format!("at {}", soon()),
            "--prompt",
            "make tea",
        ],
    )
    .await;
    world.expect("team", &[&echo("make tea")]).await;
    invariant::check(&mut world, &["main", "team"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sc_d7_what_a_task_said_in_the_groups_conversation_is_known_there() {
    let mut world = World::start().await;
    world.people("main");
    task_command(
        &world,
        &[
            "add",
            "tea",
            "--group",
            "main",
            "--schedule",
            "every 1d",
            "--prompt",
            "make tea",
        ],
    )
    .await;
    task_command(&world, &["run-now", "tea"]).await;
    world.expect("main", &[&echo("make tea")]).await;
    world.say("main", "thanks").await;
    world.expect("main", &[&echo("make tea"), "echo: thanks"]).await;
    let conversation = world.model.requests().last().unwrap().body.to_string();
    assert!(conversation.contains("make tea"), "{conversation}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sc_09_a_task_may_end_in_silence_and_history_says_so() {
    let mut world = World::start().await;
    world.people("main");
    task_command(
        &world,
        &[
            "add",
            "quiet",
            "--group",
            "main",
            "--schedule",
            "every 1d",
            "--prompt",
            "[[internal nothing new]]",
        ],
    )
    .await;
    task_command(&world, &["run-now", "quiet"]).await;
    let outcome = async || task_command(&world, &["history", "quiet"]).await["runs"][0]["outcome"].clone();
    world
        .until("the run to end", async || outcome().await == "silent")
        .await;
    world.expect("main", &[]).await;
}
