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

/// Why a file could not be read or kept.
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

    /// Keeps bytes under a name; the same name again replaces them. `false`: they are more than the store takes.
    ///
    /// # Errors
    /// [`FileError::Unavailable`].
    pub async fn keep(&self, name: &BlobName, contents: Bytes) -> Result<bool, FileError> {
        match self.blobs.put(name, contents).await {
            Ok(()) => Ok(true),
            Err(blobs::Error::TooLarge { .. }) => Ok(false),
            Err(error) => Err(FileError::Unavailable(error)),
        }
    }

    /// The bytes kept under a name; none, if nothing is.
    ///
    /// # Errors
    /// [`FileError::Unavailable`].
    pub async fn find(&self, name: &BlobName) -> Result<Option<Bytes>, FileError> {
        match self.blobs.get(name).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(blobs::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(FileError::Unavailable(error)),
        }
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
        self.find(&name).await?.ok_or_else(gone)
    }
}
