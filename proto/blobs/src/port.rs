//! The port.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BlobName, Result};

/// Where contents lie by name. Writes are whole: a reader sees all of a blob or none.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Stores a blob, durably, before it returns. The same name again replaces it.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) beyond what this store takes, [`Error::Unavailable`](crate::Error::Unavailable).
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()>;

    /// Reads a blob.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Unavailable`](crate::Error::Unavailable).
    async fn get(&self, name: &BlobName) -> Result<Bytes>;

    /// Reads the bytes of a range that lies within the blob.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::OutOfRange`](crate::Error::OutOfRange) when the blob is shorter,
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes>;

    /// Lists the names that begin with `prefix` (ends with `/`, or is empty for all), in any order.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>>;

    /// Removes a blob; one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn delete(&self, name: &BlobName) -> Result<()>;

    /// Whether the store can be reached and written.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable), saying what is wrong.
    async fn check(&self) -> Result<()>;

    /// Which life of the store this is: another text once all it held was lost and it was made anew, and its blobs cannot be
    /// there any more. Always the same for a store that cannot tell.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn identity(&self) -> Result<String> {
        Ok(String::new())
    }
}
