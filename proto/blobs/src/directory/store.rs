//! The adapter: moves the blocking calls off the async threads.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::files;
use crate::{BlobName, BlobStore, Error, Result};

/// A directory of blobs.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    root: PathBuf,
    /// Tells the temporary files of this process apart.
    written: Arc<AtomicU64>,
}

impl DirectoryStore {
    /// A store below `root`, which is made when the first blob is written.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            written: Arc::default(),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &str,
        name: &BlobName,
        work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = self.root.clone();
        let done = tokio::task::spawn_blocking(move || work(root)).await;
        done.map_err(io::Error::other)
            .flatten()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::NotFound(name.clone()),
                _ => Error::unavailable(format!("{doing} {name} in {}", self.root.display()), error),
            })
    }

    fn temporary(&self) -> String {
        format!(
            ".{}-{}.tmp",
            std::process::id(),
            self.written.fetch_add(1, Ordering::Relaxed)
        )
    }
}

#[async_trait]
impl BlobStore for DirectoryStore {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        let (target, temporary) = (name.clone(), self.temporary());
        let write = move |root: PathBuf| files::write(&root, target.as_str(), &temporary, &content);
        self.blocking("write", name, write).await
    }

    async fn get(&self, name: &BlobName) -> Result<Bytes> {
        let target = name.clone();
        let read = move |root: PathBuf| std::fs::read(root.join(target.as_str()));
        self.blocking("read", name, read).await.map(Bytes::from)
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let (target, wanted) = (name.clone(), range.clone());
        let read = move |root: PathBuf| files::read_range(&root.join(target.as_str()), wanted);
        let found = self.blocking("read", name, read).await?;
        found.map(Bytes::from).ok_or_else(|| Error::OutOfRange {
            name: name.clone(),
            range,
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>> {
        let (root, wanted) = (self.root.clone(), prefix.to_owned());
        let listed = tokio::task::spawn_blocking(move || files::list(&root, &wanted)).await;
        listed
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| Error::unavailable(format!("list {prefix:?} in {}", self.root.display()), error))
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        let target = name.clone();
        let remove = move |root: PathBuf| files::remove(&root, target.as_str());
        match self.blocking("remove", name, remove).await {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    async fn check(&self) -> Result<()> {
        let (root, temporary) = (self.root.clone(), self.temporary());
        let checked = tokio::task::spawn_blocking(move || files::check(&root, &temporary)).await;
        checked
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| Error::unavailable(format!("write to {}", self.root.display()), error))
    }
}
