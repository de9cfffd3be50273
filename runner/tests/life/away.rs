//! A store of blobs that does not hand out those of one group while told, around one that does.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use blobs::directory::DirectoryStore;
use blobs::{BlobName, BlobStore, Error, Result};
use bytes::Bytes;
use proto::ids::GroupId;
use proto::snapshot::prefix_of;

pub(crate) struct Away {
    inner: DirectoryStore,
    /// Names that begin so are not handed out.
    withheld: Mutex<Option<String>>,
    refused: AtomicU32,
}

impl Away {
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self {
            inner: DirectoryStore::new(directory),
            withheld: Mutex::default(),
            refused: AtomicU32::default(),
        }
    }

    pub(crate) fn withhold(&self, group: Option<&str>) {
        let prefix = group.map(|group| prefix_of(&GroupId::parse(group).unwrap()));
        *self.withheld.lock().unwrap() = prefix;
    }

    /// How often something was asked for in vain.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    fn may_read(&self, name: &BlobName) -> Result<()> {
        let withheld = self.withheld.lock().unwrap();
        if withheld
            .as_ref()
            .is_some_and(|prefix| name.to_string().starts_with(prefix))
        {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Error::unavailable(format!("read {name}"), "as told"));
        }
        Ok(())
    }
}

#[async_trait]
impl BlobStore for Away {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        self.inner.put(name, content).await
    }

    async fn get(&self, name: &BlobName) -> Result<Bytes> {
        self.may_read(name)?;
        self.inner.get(name).await
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        self.may_read(name)?;
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        self.inner.delete(name).await
    }

    async fn check(&self) -> Result<()> {
        self.inner.check().await
    }
}
