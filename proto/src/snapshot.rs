//! Snapshots: the files of a group as they were when a turn ended, so that another runner can go on with them.
//!
//! A snapshot is a [`Manifest`]: names, kinds, and for each file the chunks it is made of. Chunks lie in immutable packs,
//! packs and manifests are blobs, and a row holds the [`SnapshotRef`] of the committed one. Here are the types and the
//! decisions (what is already stored, what to fetch, repack, delete); files and blobs are the runner's matter.
//!
//! Reading order: [`TreePath`], [`Manifest`], the names of blobs ([`BlobKey`]), then the decisions.

mod collect;
mod digest;
mod fetch;
mod key;
mod known;
mod manifest;
mod path;
mod repack;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ids::SnapshotId;

pub use collect::{decide_garbage, decide_replaced};
pub use digest::{Digest, InvalidDigest};
pub use fetch::{Fetch, decide_fetches};
pub use key::{BlobKey, BlobKind, prefix_of};
pub use known::{Known, Location};
pub use manifest::{Entry, InvalidManifest, Kind, Manifest, Pack, Part};
pub use path::{InvalidTreePath, LinkTarget, TreePath};
pub use repack::decide_repack;

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
