//! What a store of blobs may answer instead.

use std::error::Error as StdError;
use std::ops::Range;

use crate::BlobName;

/// Result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such blob.
    #[error("there is no blob {0}")]
    NotFound(BlobName),
    /// The blob is longer than this store takes.
    #[error("blob {name} has {bytes} bytes, this store takes {max}")]
    TooLarge {
        /// Its name.
        name: BlobName,
        /// Its length.
        bytes: u64,
        /// The most this store takes.
        max: u64,
    },
    /// The blob ends before the range does.
    #[error("blob {name} ends before byte {}", range.end)]
    OutOfRange {
        /// Its name.
        name: BlobName,
        /// What was asked for.
        range: Range<u64>,
    },
    /// The store cannot be reached, refuses us, or fails.
    #[error("the blob store could not {doing}")]
    Unavailable {
        /// What was attempted, on what.
        doing: String,
        /// Why it failed.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// A failure of the store while `doing` something.
    pub fn unavailable(doing: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable {
            doing: doing.into(),
            source: source.into(),
        }
    }
}
