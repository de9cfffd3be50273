//! The files of one group on one host: they stay there when a sandbox, or its runner, ends.

use std::collections::BTreeMap;

use proto::snapshot::{Manifest, SnapshotRef};

/// Files by name; the content of each is the position of the message that was worked on last when it was written.
pub(crate) type Tree = BTreeMap<String, i64>;

/// The files, and what the runner wrote down about them out of the agents' reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) tree: Tree,
    /// The committed snapshot that the files are a copy of, changes since then aside.
    pub(crate) base: Option<(SnapshotRef, Manifest)>,
    /// Whether there may be blobs from here that no commit refers to.
    pub(crate) uploading: bool,
}

/// The file that work on a message leaves behind: a few names, each written again and again.
pub(crate) fn file_for(ord: i64) -> String {
    format!("workspace/note-{}", ord % 5)
}
