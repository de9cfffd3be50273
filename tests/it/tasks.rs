//! Tasks on one node: fired when they are due, completed once whatever happens to the process, and seen in the history.

use std::time::Duration;

use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, RunOutcome, RunsOf, Task, TaskId, TaskPolicy, TaskRun, TaskSpec, TaskState};
use proto::time::Clock;
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

/// The rows of a node that does not run.
fn rows(world: &World) -> SqliteStore {
    SqliteStore::open(&world.data().join("clawhold.db"), SystemClock::default().now()).unwrap()
}

/// A node whose main group has talked before, and has a task that is due in a moment.
async fn with_task(spec: TaskSpec) -> World {
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
    world.run(None);
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
