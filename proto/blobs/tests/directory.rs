//! The directory keeps the promises of the port.

use blobs::BlobStore as _;
use blobs::directory::DirectoryStore;

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
