//! What the port means, as stories that every adapter must pass. Panics where a promise is broken.
#![allow(
    clippy::unwrap_used,
    reason = "the suite is test code that lives in the library, so that every adapter's tests can run it"
)]

use bytes::Bytes;

use crate::{BlobName, BlobStore, Error};

/// Runs the suite on an empty store.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run(store: &dyn BlobStore) {
    store.check().await.unwrap();
    let identity = store.identity().await.unwrap();
    a_blob_is_read_as_it_was_written(store).await;
    ranges_are_exact(store).await;
    the_same_name_again_replaces(store).await;
    what_is_not_there_is_not_found(store).await;
    names_are_listed_below_a_prefix(store).await;
    deleting_is_idempotent(store).await;
    a_reader_sees_all_or_nothing(store).await;
    assert_eq!(store.identity().await.unwrap(), identity, "the store is the same");
}

fn name(text: &str) -> BlobName {
    BlobName::parse(text).unwrap()
}

fn pattern(bytes: usize, seed: usize) -> Bytes {
    (0..bytes).map(|at| ((at * 31 + at / 251 + seed) % 256) as u8).collect()
}

async fn a_blob_is_read_as_it_was_written(store: &dyn BlobStore) {
    for (index, bytes) in [0, 1, 1_000, 128 * 1024, 3_000_001].into_iter().enumerate() {
        let blob = name(&format!("sizes/{index}.A_b-c"));
        store.put(&blob, pattern(bytes, index)).await.unwrap();
        assert!(
            store.get(&blob).await.unwrap() == pattern(bytes, index),
            "{bytes} bytes changed"
        );
    }
}

async fn ranges_are_exact(store: &dyn BlobStore) {
    let (blob, whole) = (name("ranges/a"), pattern(2_000_000, 7));
    store.put(&blob, whole.clone()).await.unwrap();
    for range in [
        0..1,
        0..2_000_000,
        1_999_999..2_000_000,
        524_280..1_048_580,
        700_000..700_100,
    ] {
        let part = store.get_range(&blob, range.clone()).await.unwrap();
        assert!(part == whole[range.start as usize..range.end as usize], "{range:?}");
    }
    let beyond = store.get_range(&blob, 1_999_999..2_000_001).await;
    assert!(matches!(beyond, Err(Error::OutOfRange { .. })), "{beyond:?}");
}

async fn the_same_name_again_replaces(store: &dyn BlobStore) {
    let blob = name("again/a");
    for (bytes, seed) in [(1_500_000, 1), (10, 2), (1_200_000, 3)] {
        store.put(&blob, pattern(bytes, seed)).await.unwrap();
        assert!(
            store.get(&blob).await.unwrap() == pattern(bytes, seed),
            "the write before shows"
        );
    }
}

async fn what_is_not_there_is_not_found(store: &dyn BlobStore) {
    let blob = name("nowhere/a.pack");
    let (whole, part) = (store.get(&blob).await, store.get_range(&blob, 0..1).await);
    assert!(matches!(whole, Err(Error::NotFound(_))), "{whole:?}");
    assert!(matches!(part, Err(Error::NotFound(_))), "{part:?}");
}

async fn names_are_listed_below_a_prefix(store: &dyn BlobStore) {
    for text in ["list/a/1.pack", "list/a/2-x.manifest", "list/ab/3", "list/b/4"] {
        store.put(&name(text), Bytes::from_static(b"x")).await.unwrap();
    }
    let listed = async |prefix: &str| {
        let mut names: Vec<String> = store
            .list(prefix)
            .await
            .unwrap()
            .iter()
            .map(BlobName::to_string)
            .collect();
        names.sort();
        names
    };
    assert_eq!(listed("list/a/").await, ["list/a/1.pack", "list/a/2-x.manifest"]);
    assert_eq!(listed("list/").await.len(), 4);
    assert!(listed("list/c/").await.is_empty());
    assert!(listed("").await.len() > 4);
}

async fn deleting_is_idempotent(store: &dyn BlobStore) {
    let blob = name("list/a/1.pack");
    for _ in 0..2 {
        store.delete(&blob).await.unwrap();
        assert!(matches!(store.get(&blob).await, Err(Error::NotFound(_))));
    }
    assert_eq!(store.list("list/a/").await.unwrap(), [name("list/a/2-x.manifest")]);
    store.put(&blob, pattern(5, 5)).await.unwrap();
    assert!(
        store.get(&blob).await.unwrap() == pattern(5, 5),
        "a deleted name can be used"
    );
}

async fn a_reader_sees_all_or_nothing(store: &dyn BlobStore) {
    let (blob, old, new) = (name("whole/a"), pattern(1_000_000, 1), pattern(900_000, 2));
    store.put(&blob, old.clone()).await.unwrap();
    let read = async {
        for _ in 0..5 {
            let seen = store.get(&blob).await.unwrap();
            assert!(
                seen == old || seen == new,
                "a reader saw half a blob of {} bytes",
                seen.len()
            );
        }
    };
    let write = async { store.put(&blob, new.clone()).await.unwrap() };
    tokio::join!(read, write);
}
