//! How late tasks are fired in steady state: on one node, and by the scheduler of a fleet over a real Postgres.
//!
//! Lateness is what the rows say: from the due instant to the time of the transaction that fired it.

use std::time::Duration;

use proto::time::{Clock, Timestamp};
use rusqlite::{Connection, OpenFlags};
use service::clock::SystemClock;
use store::Store;
use store::postgres::{Config, PostgresStore};
use store::sqlite::SqliteStore;
use tests::World;
use tests::fleet::{Fleet, Tables, instant_agent, put_task_due_once};

use crate::report::Measurement;

/// Firings measured: enough that the 99th percentile is not one sample.
const FIRINGS: u64 = 1_000;
/// Between two due instants: 20 firings a second, more than a thousand tasks for every minute.
const APART: Duration = Duration::from_millis(50);
/// From putting the tasks to the first due instant: the services have come to rest by then.
const AHEAD: Duration = Duration::from_secs(8);
/// What all firings may take beyond their time.
const SLACK: Duration = Duration::from_secs(60);
/// Groups that the tasks are spread over.
const ROOMS: usize = 8;

/// Both settings.
pub(crate) async fn lateness() -> Vec<Measurement> {
    vec![on_one_node().await, in_a_fleet().await]
}

async fn on_one_node() -> Measurement {
    let mut world = World::builder()
        .env("DOCKER_HOST", "process")
        .env("CONTAINER_IMAGE", instant_agent().display())
        .open_group("more")
        .start()
        .await;
    world.stop().await;
    let database = world.data().join("clawhold.db");
    {
        let store = SqliteStore::open(&database, now()).unwrap();
        // Two groups: one may not have so many.
        put_tasks(&store, |number| {
            let group = ["main", "more"][number as usize % 2];
            (group.to_owned(), format!("cli:{group}"))
        })
        .await;
    }
    world.run(None);
    world.ready().await;
    tokio::time::sleep(AHEAD + APART * u32::try_from(FIRINGS).unwrap()).await;
    let read = || {
        let rows = Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut statement = rows.prepare("SELECT fired_at - due_at FROM firings").unwrap();
        let late = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        late.map(Result::unwrap).map(|millis| millis as f64).collect::<Vec<_>>()
    };
    let all = tests::within(SLACK, async || read().len() as u64 >= FIRINGS).await;
    assert!(all, "only {} of {FIRINGS} were fired", read().len());
    measurement(
        "task-lateness-node",
        read(),
        "one node, SQLite with fsync, 20 due instants a second, agents that answer at once",
    )
}

async fn in_a_fleet() -> Measurement {
    let fleet = Fleet::builder().rooms(ROOMS).durable().start().await;
    let store = PostgresStore::connect(&Config::new(&fleet.database), now())
        .await
        .unwrap();
    put_tasks(&store, |number| {
        let room = number as usize % ROOMS;
        (format!("room-{room}"), format!("webhook:chaos:{room}"))
    })
    .await;
    let tables = Tables::connect(&fleet).await;
    let patience = AHEAD + APART * u32::try_from(FIRINGS).unwrap() + SLACK;
    fleet
        .within(patience, "all firings", async || {
            tables.count("SELECT COUNT(*) FROM firings").await as u64 >= FIRINGS
        })
        .await;
    measurement(
        "task-lateness-fleet",
        tables.numbers("SELECT fired_at - due_at FROM firings").await,
        "2 schedulers, Postgres and NATS on one machine, fsync on, 20 due instants a second, 3 runners whose agents answer at once",
    )
}

/// One task per firing: each is due once while we look.
async fn put_tasks(store: &dyn Store, place: impl Fn(u64) -> (String, String)) {
    let first = now() + AHEAD;
    for number in 0..FIRINGS {
        let (group, chat) = place(number);
        let due = first + APART * u32::try_from(number).unwrap();
        put_task_due_once(store, &format!("bench-{number}"), (&group, &chat), due, now()).await;
    }
}

fn measurement(name: &'static str, samples: Vec<f64>, depends_on: &'static str) -> Measurement {
    Measurement {
        name,
        unit: "ms",
        samples,
        depends_on,
    }
}

fn now() -> Timestamp {
    SystemClock::default().now()
}
