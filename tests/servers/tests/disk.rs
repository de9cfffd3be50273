//! A disk of one's own is full when a test says so, and nobody is left with it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use servers::{Disk, Nats, Postgres, Version};
use tokio_postgres::{Client, NoTls};

const SIZE: u64 = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);
/// Has the write-ahead log need its next segment, and nothing else any room.
const NEXT_SEGMENT: &str = "SELECT pg_switch_wal(); SELECT pg_logical_emit_message(TRUE, 'test', 'x')";

fn is_mounted(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(path.to_str().unwrap()))
}

#[test]
fn a_full_disk_takes_no_byte_and_then_no_name_until_it_is_freed() {
    let disk = Disk::new(SIZE);
    let write = |name: &str, bytes: usize| {
        let mut file = File::create(disk.path().join(name))?;
        file.write_all(&vec![1; bytes])
    };
    write("before", 10).unwrap();
    disk.fill();
    let empty = File::create(disk.path().join("empty"));
    assert!(empty.is_ok(), "a name needs no room: {empty:?}");
    assert_eq!(write("one", 1).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.crowd();
    let none = File::create(disk.path().join("another")).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::StorageFull);
    assert!(fs::create_dir(disk.path().join("directory")).is_err());
    assert_eq!(fs::read(disk.path().join("before")).unwrap(), [1_u8; 10]);
    disk.free();
    write("after", SIZE as usize / 2).unwrap();
}

#[test]
fn a_disk_is_gone_with_its_value_even_if_somebody_still_uses_it_or_panics() {
    let disk = Disk::new(SIZE);
    let path = disk.path().to_owned();
    let used = File::create(path.join("used")).unwrap();
    assert!(is_mounted(&path));
    assert!(std::thread::spawn(move || fails(disk)).join().is_err());
    assert!(!is_mounted(&path) && !path.exists(), "{}", path.display());
    drop(used);
}

fn fails(_disk: Disk) {
    panic!("as a test does");
}

async fn connect(postgres: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    // It ends with the client.
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_postgres_whose_log_has_no_room_ends_and_starts_again_when_it_has() {
    let postgres = Postgres::options().disk(128 * SIZE).start().await;
    let client = connect(&postgres).await;
    client
        .batch_execute("CREATE TABLE kept AS SELECT 7 AS n")
        .await
        .unwrap();
    postgres.disk().fill();
    let ended = async {
        while client.batch_execute(NEXT_SEGMENT).await.is_ok() {}
        while postgres.runs() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    let refused = postgres.start_again().await.unwrap_err().to_string();
    assert!(refused.contains("No space left on device"), "{refused}");
    postgres.disk().free();
    postgres.start_again().await.unwrap();
    let row = connect(&postgres)
        .await
        .query_one("SELECT n FROM kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
}

#[tokio::test]
async fn a_nats_keeps_its_streams_on_the_disk_it_was_given() {
    let nats = Nats::options(Version::V2_10).disk(16 * SIZE).start().await;
    let context = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let stream = async_nats::jetstream::stream::Config {
        name: "kept".to_owned(),
        ..Default::default()
    };
    context.create_stream(stream).await.unwrap();
    let publish = async || context.publish("kept", vec![0; 100_000].into()).await.unwrap().await;
    publish().await.unwrap();
    nats.disk().fill();
    let full = async { while publish().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, full).await.unwrap();
    nats.disk().free();
    publish().await.unwrap();
}
