//! What this host knows of its copy of a group's files: which snapshot it is of, and by what each file is known to be unchanged.
//!
//! Kept beside the state of the runner, out of every agent's reach. Losing it costs reading, never correctness.

use std::io;
use std::path::{Path, PathBuf};

use proto::snapshot::{Entry, Manifest, SnapshotRef, TreePath};
use serde::{Deserialize, Serialize};

use super::root::Root;
use super::tree::{Stat, boot};
use crate::mailbox::HeldDir;

/// A snapshot and the local copy of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    /// Start of the host during which the files were looked at.
    boot: String,
    /// The roots' directories then: name, device, inode.
    roots: Vec<(String, (u64, u64))>,
    /// The snapshot.
    pub(super) row: SnapshotRef,
    /// What it consists of.
    pub(super) manifest: Manifest,
    /// Identity of the store that held all of it. One that was made anew since has none of it.
    #[serde(default)]
    pub(super) store: String,
    /// For each entry: the file as it was when it had these contents; none for what is no file or could still change unseen.
    stats: Vec<Option<Stat>>,
}

impl Index {
    /// An index of roots just scanned or restored; `stats` in the order of the manifest's entries.
    pub(super) fn new(
        row: SnapshotRef,
        manifest: Manifest,
        store: String,
        stats: Vec<Option<Stat>>,
        roots: &[Root],
    ) -> Self {
        let looked_at = roots
            .iter()
            .filter_map(|root| Some((root.name.to_owned(), identity(root)?)));
        Self {
            boot: boot(),
            roots: looked_at.collect(),
            row,
            manifest,
            store,
            stats,
        }
    }

    /// The contents of a file, if it is known to be as it was.
    pub(super) fn unchanged(&self, path: &TreePath, stat: &Stat) -> Option<&Entry> {
        let index = self
            .manifest
            .entries
            .binary_search_by(|entry| entry.path.cmp(path))
            .ok()?;
        (self.stats.get(index)?.as_ref() == Some(stat)).then(|| &self.manifest.entries[index])
    }

    /// What a path held at that time; a file may have changed since.
    pub(super) fn entry(&self, path: &TreePath) -> Option<&Entry> {
        let index = self
            .manifest
            .entries
            .binary_search_by(|entry| entry.path.cmp(path))
            .ok()?;
        Some(&self.manifest.entries[index])
    }

    /// Takes the stats of a later look at the same tree.
    pub(super) fn refresh(&mut self, stats: Vec<Option<Stat>>) {
        self.stats = stats;
    }

    /// Whether these roots' directories are still the ones that were looked at, with no power failure since.
    pub(super) fn is_of(&self, roots: &[Root]) -> bool {
        let same = |root: &Root| {
            let then = self
                .roots
                .iter()
                .find(|(name, _)| name == root.name)
                .map(|(_, identity)| *identity);
            let has = self.manifest.entries.iter().any(|entry| entry.path == root.tree_path());
            then == identity(root) || (then.is_none() && !has)
        };
        self.boot == boot() && roots.iter().all(same)
    }

    /// Reads a stored index; none when there is none or it cannot be used.
    pub(super) fn load(file: &Path) -> Option<Self> {
        let text = std::fs::read(file).ok()?;
        let index: Self = serde_json::from_slice(&text).ok()?;
        (index.stats.len() == index.manifest.entries.len()).then_some(index)
    }

    /// Stores it. Not made durable: after a power failure it is not trusted anyway.
    pub(super) fn save(&self, file: &Path) -> io::Result<()> {
        let aside = PathBuf::from(format!("{}.tmp", file.display()));
        std::fs::write(&aside, serde_json::to_vec(self)?)?;
        std::fs::rename(&aside, file)
    }
}

/// Device and inode of a root's directory; none when it is not there.
fn identity(root: &Root) -> Option<(u64, u64)> {
    let dir = HeldDir::open(&root.path).ok()?;
    let raw = rustix::fs::fstat(dir.as_fd()).ok()?;
    Some(Stat::of(&raw).identity())
}
