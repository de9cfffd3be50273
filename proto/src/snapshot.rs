//! Snapshots: the files of a group as they were when a turn ended, so that another runner can go on with them.
//!
//! A snapshot is a [`Manifest`](manifest::Manifest): names, kinds, and for each file the chunks it is made of. Chunks lie
//! in immutable packs, packs and manifests are blobs, and a row holds the [`SnapshotRef`] of the committed one. Here are the
//! types and the decisions (what to upload, fetch, repack, delete); files and blobs are the runner's matter.

use serde::{Deserialize, Serialize};

use crate::ids::SnapshotId;

mod digest;

pub use digest::{Digest, InvalidDigest};

/// What a row says of a committed snapshot: enough to fetch its manifest and to know that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRef {
    /// Its identity.
    pub id: SnapshotId,
    /// Name of the blob that holds its manifest.
    pub manifest: String,
    /// Digest of that blob.
    pub digest: Digest,
    /// Bytes of all its files together, holes not counted.
    pub bytes: u64,
    /// Files, directories and links in it.
    pub files: u64,
}
