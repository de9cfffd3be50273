//! The adapter.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Error as S3Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, PutPayload};

use super::client::{Options, OptionsError, client};
use crate::{BlobName, BlobStore, Error, Result};

/// Most that one PUT of S3 takes.
const BLOB_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Key written and removed to learn whether the bucket can be written; no blob has a segment that begins with a dot.
const CHECK_KEY: &str = ".clawhold-check";

/// A bucket.
#[derive(Debug)]
pub struct S3Store {
    client: AmazonS3,
    bucket: String,
    prefix: String,
}

impl S3Store {
    /// A store in a bucket, which must exist. Nothing is sent yet.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn new(options: &Options) -> std::result::Result<Self, OptionsError> {
        Ok(Self {
            client: client(options)?,
            bucket: options.bucket.clone(),
            prefix: options.prefix.clone(),
        })
    }

    fn key(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    fn failed<'a>(&'a self, doing: &'a str, name: &'a BlobName) -> impl FnOnce(S3Error) -> Error + 'a {
        move |error| match error {
            S3Error::NotFound { .. } if !is_missing_bucket(&error) => Error::NotFound(name.clone()),
            error => Error::unavailable(format!("{doing} {name} in bucket {}", self.bucket), error),
        }
    }
}

/// S3 answers 404 for a bucket that is not there as well, and "no such blob" would be taken for the truth.
fn is_missing_bucket(error: &S3Error) -> bool {
    error.to_string().contains("NoSuchBucket")
}

#[async_trait]
impl BlobStore for S3Store {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        let bytes = content.len() as u64;
        if bytes > BLOB_BYTES_MAX {
            let (name, max) = (name.clone(), BLOB_BYTES_MAX);
            return Err(Error::TooLarge { name, bytes, max });
        }
        let put = self
            .client
            .put(&self.key(name.as_str()), PutPayload::from(content))
            .await;
        put.map(|_| ())
            .map_err(|error| Error::unavailable(format!("write {name} to bucket {}", self.bucket), error))
    }

    async fn get(&self, name: &BlobName) -> Result<Bytes> {
        let found = self.client.get(&self.key(name.as_str())).await;
        let body = found.map_err(self.failed("read", name))?;
        body.bytes().await.map_err(self.failed("read", name))
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let found = self.client.get_opts(&self.key(name.as_str()), options).await;
        let found = found.map_err(self.failed("read", name))?;
        let length = found.meta.size;
        let content = found.bytes().await.map_err(self.failed("read", name))?;
        if range.end > length || content.len() as u64 != range.end - range.start {
            let name = name.clone();
            return Err(Error::OutOfRange { name, range });
        }
        Ok(content)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>> {
        let dir = prefix.rsplit_once('/').map_or("", |(dir, _)| dir);
        let key = self.key(dir);
        let found = self.client.list(Some(&key)).try_collect::<Vec<_>>().await;
        let found =
            found.map_err(|error| Error::unavailable(format!("list {prefix:?} in bucket {}", self.bucket), error))?;
        let names = found.iter().filter_map(|object| {
            let name = object.location.as_ref().strip_prefix(self.prefix.as_str())?;
            BlobName::parse(name)
                .ok()
                .filter(|name| name.as_str().starts_with(prefix))
        });
        Ok(names.collect())
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        match self
            .client
            .delete(&self.key(name.as_str()))
            .await
            .map_err(self.failed("remove", name))
        {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    async fn check(&self) -> Result<()> {
        let key = self.key(CHECK_KEY);
        let written = self.client.put(&key, PutPayload::from_static(b"clawhold")).await;
        written.map_err(|error| Error::unavailable(format!("write to bucket {}", self.bucket), error))?;
        // What is left of a failed removal is overwritten by the next check.
        let _ = self.client.delete(&key).await;
        Ok(())
    }
}
