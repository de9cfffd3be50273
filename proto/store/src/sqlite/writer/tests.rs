use std::path::Path;
use std::sync::{Arc, mpsc};

use super::*;
use crate::Error;
use crate::sqlite::open::open_writer;

struct World {
    writer: Arc<Writer>,
    reader: Connection,
    _directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let path: &Path = &directory.path().join("test.db");
    let conn = open_writer(path).unwrap();
    conn.execute_batch("CREATE TABLE things (n INTEGER NOT NULL UNIQUE) STRICT")
        .unwrap();
    let reader = Connection::open(path).unwrap();
    let writer = Arc::new(Writer::start(conn, FileLock::take(path).unwrap()).unwrap());
    World {
        writer,
        reader,
        _directory: directory,
    }
}

fn insert(conn: &Connection, n: i64) -> Result<()> {
    conn.execute("INSERT INTO things (n) VALUES (?1)", [n])?;
    Ok(())
}

impl World {
    /// Holds the writer in a call until the returned sender is used or dropped.
    async fn hold(&self) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<()>>) {
        let (release, released) = mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let writer = Arc::clone(&self.writer);
        let held = tokio::task::spawn_local(async move {
            let hold = move |_: &Connection| {
                started.send(()).ok();
                released.recv().ok();
                Ok(())
            };
            writer.run(hold).await
        });
        running.await.unwrap();
        (release, held)
    }

    fn things(&self) -> Vec<i64> {
        let mut statement = self.reader.prepare("SELECT n FROM things ORDER BY n").unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
}

/// Queues calls behind a held writer, lets them go as one batch, and returns what each got.
async fn in_one_batch(world: &World, calls: Vec<fn(&Connection) -> Result<()>>) -> Vec<Result<()>> {
    tokio::task::LocalSet::new()
        .run_until(async {
            let (release, held) = world.hold().await;
            let calls = calls.into_iter().map(|call| {
                let writer = Arc::clone(&world.writer);
                tokio::task::spawn_local(async move { writer.run(call).await })
            });
            let calls: Vec<_> = calls.collect();
            // Every call is in the queue once its task has run up to its first wait.
            tokio::task::yield_now().await;
            drop(release);
            held.await.unwrap().unwrap();
            let mut results = Vec::new();
            for call in calls {
                results.push(call.await.unwrap());
            }
            results
        })
        .await
}

#[tokio::test]
async fn calls_that_queue_up_share_one_commit() {
    let world = world();
    let calls: Vec<fn(&Connection) -> Result<()>> = vec![|conn| insert(conn, 1), |conn| insert(conn, 2), |conn| {
        let count = |conn: &Connection| {
            conn.query_row("SELECT COUNT(*) FROM things", [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let outside = Connection::open(conn.path().unwrap()).unwrap();
        assert_eq!(
            (count(conn), count(&outside)),
            (2, 0),
            "the calls before have run and are not committed"
        );
        Ok(())
    }];
    let results = in_one_batch(&world, calls).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(world.things(), [1, 2], "answered means visible to everybody");
}

#[tokio::test]
async fn a_call_that_fails_is_undone_and_takes_nothing_with_it() {
    let world = world();
    let calls: Vec<fn(&Connection) -> Result<()>> = vec![
        |conn| insert(conn, 1),
        |conn| {
            insert(conn, 2)?;
            Err(Error::Conflict("no".to_owned()))
        },
        |conn| {
            insert(conn, 3)?;
            panic!("a defect")
        },
        |conn| insert(conn, 1),
        |conn| insert(conn, 4),
    ];
    let results = in_one_batch(&world, calls).await;
    assert!(matches!(
        results[..],
        [
            Ok(()),
            Err(Error::Conflict(_)),
            Err(Error::Unavailable(_)),
            Err(Error::Unavailable(_)),
            Ok(())
        ]
    ));
    assert_eq!(world.things(), [1, 4]);
}

#[tokio::test]
async fn a_lost_transaction_is_told_to_every_call_in_it() {
    let world = world();
    let calls: Vec<fn(&Connection) -> Result<()>> = vec![
        |conn| insert(conn, 1),
        |conn| {
            // What a full disk or an I/O error does.
            conn.execute_batch("ROLLBACK")?;
            Ok(())
        },
        |conn| insert(conn, 2),
    ];
    let results = in_one_batch(&world, calls).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(Error::Unavailable(_)))),
        "{results:?}"
    );
    assert!(world.things().is_empty());
    world.writer.run(|conn| insert(conn, 5)).await.unwrap();
    assert_eq!(world.things(), [5], "the writer goes on");
}

#[tokio::test]
async fn dropping_the_handle_finishes_what_is_queued() {
    let world = world();
    let call = world.writer.run(|conn| insert(conn, 1));
    drop(tokio::time::timeout(std::time::Duration::ZERO, call).await);
    let World { writer, reader, .. } = world;
    drop(Arc::into_inner(writer).unwrap());
    assert_eq!(
        reader
            .query_row("SELECT COUNT(*) FROM things", [], |row| row.get::<_, i64>(0))
            .unwrap(),
        1
    );
}
