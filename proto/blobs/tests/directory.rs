//! The directory keeps the promises of the port.

use blobs::directory::DirectoryStore;
use blobs::{BlobName, BlobStore as _, Error};
use servers::Disk;

#[tokio::test]
async fn a_directory_is_a_blob_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(dir.path().join("blobs"));
    blobs::conformance::run(&store).await;
    let left = std::fs::read_dir(dir.path().join("blobs")).unwrap();
    assert!(
        left.flatten()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    );
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_says_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = DirectoryStore::new(file.path().join("x")).check().await.unwrap_err();
    assert!(error.to_string().contains("could not write to"), "{error}");
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_keeps_what_is_old_and_takes_again_when_there_is_room() {
    let disk = Disk::new(4 * 1024 * 1024);
    let store = DirectoryStore::new(disk.path().join("blobs"));
    let [old, new] = ["a/old", "a/new"].map(|name| BlobName::parse(name).unwrap());
    store.put(&old, vec![1; 100_000].into()).await.unwrap();
    disk.fill();
    for name in [&new, &old] {
        let refused = store.put(name, vec![2; 100_000].into()).await.unwrap_err();
        let Error::Unavailable { source, .. } = &refused else {
            panic!("{refused:?}")
        };
        assert!(source.to_string().contains("No space left on device"), "{source}");
    }
    assert!(store.check().await.is_err());
    assert_eq!(store.get(&old).await.unwrap(), vec![1; 100_000]);
    assert_eq!(store.list("").await.unwrap(), std::slice::from_ref(&old));
    // Nothing half written is left, under any name.
    assert_eq!(std::fs::read_dir(disk.path().join("blobs/a")).unwrap().count(), 1);

    disk.free();
    store.check().await.unwrap();
    store.put(&new, vec![2; 100_000].into()).await.unwrap();
    assert_eq!(store.get(&new).await.unwrap(), vec![2; 100_000]);
}
