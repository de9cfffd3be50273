//! Files of messages, in both directions: their bytes lie in the blob store.

use std::sync::Arc;

use blobs::{BlobName, BlobStore};
use bytes::Bytes;
use proto::outbound::Attachment;

/// The files of messages.
#[derive(Clone)]
pub struct Files {
    blobs: Arc<dyn BlobStore>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It never can be.
    #[error("the file {name:?} is not in the blob store (any more)")]
    Gone {
        /// Its name, for people.
        name: String,
    },
    /// Not now.
    #[error("the blob store does not answer")]
    Unavailable(#[source] blobs::Error),
}

impl Files {
    /// Files in this store.
    pub fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self { blobs }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn read(&self, file: &Attachment) -> Result<Bytes, FileError> {
        let gone = || FileError::Gone {
            name: file.name.clone(),
        };
        let name = BlobName::parse(&file.blob).map_err(|_| gone())?;
        match self.blobs.get(&name).await {
            Ok(bytes) => Ok(bytes),
            Err(blobs::Error::NotFound { .. }) => Err(gone()),
            Err(error) => Err(FileError::Unavailable(error)),
        }
    }
}
