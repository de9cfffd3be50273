//! What may go wrong with a snapshot.

use std::io;

use proto::ids::Epoch;

/// Why a snapshot could not be taken or restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files are larger than the group may keep. The turn may be answered; its files do not become part of the snapshot.
    #[error(
        "the group's files take {used} bytes, {quota} are allowed: files must be removed, or group_quota_mb raised"
    )]
    Quota {
        /// Bytes in use.
        used: u64,
        /// Bytes allowed.
        quota: u64,
    },
    /// There are more files than a group may keep.
    #[error("the group has more than {max} files and directories: some must be removed")]
    TooManyFiles {
        /// How many are allowed.
        max: usize,
    },
    /// Directories lie too deep inside one another.
    #[error("directory {path} lies more than {max} directories deep: it must be moved up or removed")]
    TooDeep {
        /// Where.
        path: String,
        /// How many are allowed.
        max: usize,
    },
    /// What the store holds is not what was put there. Nothing was changed on this host.
    #[error("the snapshot is damaged: {0}")]
    Corrupt(String),
    /// The call does not fit what happened before: `restore` comes first in each claim.
    #[error("the files were not restored at epoch {0}: nothing is known of what is committed")]
    NotRestored(Epoch),
    /// The store was made anew since the committed snapshot: what that refers to is gone, and everything must be uploaded.
    #[error("the store of files has lost what it held")]
    StoreMadeAnew,
    /// The store of blobs failed.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    /// The file system failed.
    #[error("could not {doing}")]
    Files {
        /// What was attempted, on what.
        doing: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether people must do something about the files before a snapshot can be taken again.
    pub fn is_over_quota(&self) -> bool {
        matches!(
            self,
            Self::Quota { .. } | Self::TooManyFiles { .. } | Self::TooDeep { .. }
        )
    }
}

/// A failure of the file system while `doing` something.
pub(super) fn files<E: Into<io::Error>>(doing: impl Into<String>) -> impl FnOnce(E) -> Error {
    move |source| Error::Files {
        doing: doing.into(),
        source: source.into(),
    }
}
