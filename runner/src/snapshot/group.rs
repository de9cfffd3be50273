//! What this runner knows of one group's snapshots.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proto::ids::{Epoch, GroupId};
use proto::snapshot::{SnapshotRef, decide_replaced};

use super::index::Index;

/// What the name of an index ends with.
pub(super) const INDEX: &str = ".json";

/// Known of a group, from its restore to its release.
#[derive(Debug, Default)]
pub(super) struct GroupState {
    /// The claim under which `base` was read.
    pub(super) epoch: Option<Epoch>,
    /// The committed snapshot, with the local copy of it.
    pub(super) base: Option<Arc<Index>>,
    /// A snapshot that was uploaded and may be committed.
    pub(super) pending: Option<Index>,
    /// Blobs put since, whether or not a commit refers to them.
    pub(super) started: Vec<String>,
    /// Blobs nobody needs any more.
    pub(super) garbage: Vec<String>,
    /// Whether the store may hold blobs of others that nobody needs.
    pub(super) sweep: bool,
}

impl GroupState {
    /// A turn committed: its snapshot is the base from now on.
    ///
    /// Blobs started since the last commit under this process that it does not refer to are garbage: only later commits could
    /// refer to them, and those take names from this one or write their own.
    pub(super) fn commit(&mut self, snapshot: &SnapshotRef) -> bool {
        let Some(now) = self.pending.take_if(|pending| pending.row == *snapshot) else {
            return self.base.as_ref().is_some_and(|base| base.row == *snapshot);
        };
        if let Some(before) = &self.base {
            self.garbage.extend(decide_replaced(
                (&before.row, &before.manifest),
                (&now.row, &now.manifest),
            ));
        }
        let needed: HashSet<&str> = now.manifest.packs.iter().map(|pack| pack.name.as_str()).collect();
        let started = std::mem::take(&mut self.started);
        let unneeded = started
            .into_iter()
            .filter(|name| *name != now.row.manifest && !needed.contains(name.as_str()));
        self.garbage.extend(unneeded);
        self.base = Some(Arc::new(now));
        true
    }
}

/// Where the state of one group lies.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The index.
    pub(super) index: PathBuf,
    /// Exists while there may be blobs of ours that no commit refers to.
    pub(super) uploading: PathBuf,
    /// Touched to learn the file system's time.
    pub(super) probe: PathBuf,
}

impl Files {
    pub(super) fn of(state_dir: &Path, group: &GroupId) -> Self {
        let file = |suffix: &str| state_dir.join(format!("{group}{suffix}"));
        Self {
            index: file(INDEX),
            uploading: file(".uploading"),
            probe: file(".now"),
        }
    }
}

/// Removes a file; one that is gone already is no error.
pub(super) fn remove_if_there(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
