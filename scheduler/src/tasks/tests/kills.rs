//! Ten thousand due instants over a hundred killed leaders, on a real Postgres: each is fired once, none is lost.

use std::sync::Arc;

use bus::Hint;
use bus::local::LocalHints;
use prometheus_client::registry::Registry;
use proto::group::{ChatSeen, Group, GroupSettings};
use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, Misfire, RunsOf, Task, TaskId, TaskPolicy, TaskSpec};
use proto::time::ManualClock;
use servers::Postgres;
use service::readiness::Readiness;
use store::postgres::{Config, PostgresStore};
use tokio::task::JoinHandle;

use super::super::{SLEEP_MAX, Timestamp, run};
use super::START;
use crate::leadership::Leadership;
use crate::{Deps, Metrics};

const GROUPS: u32 = 10;
const TASKS: u32 = 100;
const INSTANTS: u32 = 100;
const PERIOD: std::time::Duration = std::time::Duration::from_secs(10);
/// Due instants of each task that come at once.
const AT_ONCE: u32 = 4;
const KILLS_PER_STEP: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_due_instants_over_a_hundred_killed_leaders_fire_once_each() {
    let server = Postgres::start().await;
    let config = Config::new(server.fresh_database().await);
    let store = PostgresStore::connect(&config, START).await.unwrap();
    let clock = ManualClock::at(START);
    let deps = Deps {
        store: Arc::new(store),
        hints: Arc::new(LocalHints::new()),
        blobs: None,
        clock: Arc::new(clock.clone()),
        random: || 0.5,
        readiness: Readiness::new(),
        metrics: Metrics::register(&mut Registry::default()),
    };
    register(&deps).await;
    let (mut leader, mut kills) = (lead(&deps), 0);
    for _ in 0..INSTANTS / AT_ONCE {
        clock.advance(PERIOD * AT_ONCE);
        deps.hints.publish(Hint::Tasks);
        for kill in 0..KILLS_PER_STEP {
            // Anywhere in a pass: before it, between its transactions, in the middle of one.
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(7 * kill + 1))).await;
            // Every other time the successor is there before its predecessor is gone.
            let successor = kill.is_multiple_of(2).then(|| lead(&deps));
            leader.abort();
            leader = successor.unwrap_or_else(|| lead(&deps));
            kills += 1;
        }
        nothing_is_due(&deps).await;
    }
    leader.abort();
    assert!(kills >= 100);
    assert_eq!(in_the_inboxes(&deps).await, u64::from(TASKS * INSTANTS));
    for task in deps.store.tasks(None).await.unwrap() {
        assert_fired_once_each(&deps, &task).await;
    }
}

fn lead(deps: &Deps) -> JoinHandle<anyhow::Result<()>> {
    let leadership = Leadership::certain(Arc::clone(&deps.clock));
    #[expect(
        clippy::disallowed_methods,
        reason = "it is to be killed, which the lifecycle would never do"
    )]
    tokio::spawn(run(
        deps.clone(),
        leadership,
        tokio_util::sync::CancellationToken::new(),
    ))
}

async fn nothing_is_due(deps: &Deps) {
    let done = async {
        while deps
            .store
            .next_due_at()
            .await
            .unwrap()
            .is_some_and(|due| due <= deps.clock.now())
        {
            deps.hints.publish(Hint::Tasks);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SLEEP_MAX * 30, done)
        .await
        .expect("the last leader fires what is due");
}

async fn in_the_inboxes(deps: &Deps) -> u64 {
    let mut rows = 0;
    for number in 0..GROUPS {
        rows += deps.store.chat_activity(&chat(number)).await.unwrap().unanswered;
    }
    rows
}

/// Pausing takes what waits back into the history, where every due instant can be seen.
async fn assert_fired_once_each(deps: &Deps, task: &Task) {
    let now = deps.clock.now();
    deps.store.put_task(&task.paused(), None, now).await.unwrap().unwrap();
    let runs = deps.store.task_runs(&RunsOf::Task(task.id.clone()), 2 * INSTANTS).await;
    let mut due: Vec<Timestamp> = runs.unwrap().iter().map(|run| run.due_at).collect();
    due.sort();
    let expected: Vec<Timestamp> = (1..=INSTANTS).map(|n| START + PERIOD * n).collect();
    assert_eq!(due, expected, "{}", task.id);
}

fn group(number: u32) -> GroupId {
    GroupId::parse(&format!("group-{number}")).unwrap()
}

fn chat(number: u32) -> ChatId {
    ChatId::new(format!("cli:group-{number}"))
}

async fn register(deps: &Deps) {
    for number in 0..GROUPS {
        let group = Group {
            id: group(number),
            name: String::new(),
            is_main: false,
            settings: GroupSettings::default(),
            created_at: START,
        };
        let seen = ChatSeen {
            id: chat(number),
            channel: "cli".to_owned(),
            account: "local".to_owned(),
            name: None,
            is_group_chat: None,
            seen_at: START,
            parent: None,
        };
        deps.store.put_group(&group).await.unwrap();
        deps.store.see_chat(&seen).await.unwrap();
        deps.store.register_chat(&seen.id, Some(&group.id)).await.unwrap();
    }
    for number in 0..TASKS {
        let spec = TaskSpec {
            group: group(number % GROUPS),
            chat: chat(number % GROUPS),
            prompt: "report".to_owned(),
            schedule: Schedule::parse(ScheduleKind::Interval, &PERIOD.as_millis().to_string()).unwrap(),
            zone: "UTC".parse().unwrap(),
            context_mode: ContextMode::Group,
            check_script: None,
            policy: TaskPolicy {
                misfire: Misfire::All,
                ..TaskPolicy::default()
            },
        };
        let id = TaskId::parse(&format!("task-{number}")).unwrap();
        let task = Task::made(id, spec, START).unwrap();
        deps.store.put_task(&task, None, START).await.unwrap().unwrap();
    }
}
