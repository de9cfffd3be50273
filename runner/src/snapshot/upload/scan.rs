//! Compares the tree with the snapshot before it. Blocks.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use proto::ids::SnapshotId;
use proto::snapshot::{BlobKey, Digest, Entry, Kind, Manifest, Part, TreePath, decide_repack};

use super::Packer;
use super::read::read_file;
use crate::snapshot::error::{Error, files};
use crate::snapshot::index::Index;
use crate::snapshot::root::Root;
use crate::snapshot::tree::{Found, FoundKind, Opener, Stat, Tree, digest, fs_now, read_range, walk};
use crate::snapshot::{Moved, Quota};

/// What is to be looked at.
pub(in crate::snapshot) struct Scan {
    pub(in crate::snapshot) roots: Vec<Root>,
    /// The snapshot before, if the store has it.
    pub(in crate::snapshot) base: Option<Arc<Index>>,
    /// Whether a snapshot is made even of a tree that is empty.
    pub(in crate::snapshot) always: bool,
    pub(in crate::snapshot) quota: Quota,
    /// A file to touch, to learn the file system's time.
    pub(in crate::snapshot) probe: PathBuf,
    pub(in crate::snapshot) id: SnapshotId,
    pub(in crate::snapshot) moved: Arc<Moved>,
}

/// What came of it.
pub(in crate::snapshot) struct Scanned {
    /// The new manifest; none when the tree is the one of the snapshot before.
    pub(in crate::snapshot) manifest: Option<Manifest>,
    /// By what each entry is known to be unchanged later.
    pub(in crate::snapshot) stats: Vec<Option<Stat>>,
}

impl Scan {
    /// Looks at the tree; new chunks go through the packer to the store.
    pub(in crate::snapshot) fn run(&self, mut packer: Packer) -> Result<Scanned, Error> {
        let now = fs_now(&self.probe).map_err(files(format!("touch {}", self.probe.display())))?;
        let tree = walk(&self.roots, self.quota.entries)?;
        self.check_quota(&tree)?;
        self.log_left_out(&tree);
        let mut opener = Opener::new(&self.roots).map_err(files("open the group's directories"))?;
        let (mut entries, mut stats) = (Vec::new(), Vec::new());
        for found in &tree.found {
            let Some((kind, stat)) = self.entry(found, &mut opener, &mut packer)? else {
                continue;
            };
            let path = found.path.clone();
            entries.push(Entry { path, kind });
            stats.push(stat.filter(|stat| stat.is_settled_at(now)));
        }
        let manifest = self.finish(entries, &mut opener, packer)?;
        Ok(Scanned { manifest, stats })
    }

    fn finish(&self, entries: Vec<Entry>, opener: &mut Opener, mut packer: Packer) -> Result<Option<Manifest>, Error> {
        let same = match &self.base {
            Some(base) => base.manifest.is_same_tree(&entries),
            None => entries.is_empty() && !self.always,
        };
        if same {
            return Ok(None);
        }
        let manifest = Manifest::new(self.id, Vec::new(), entries);
        let (used, quota) = (manifest.bytes(), self.quota.bytes);
        if used > quota {
            return Err(Error::Quota { used, quota });
        }
        repack(self.id, &packer.preview(manifest.clone()), opener, &mut packer).map_err(files("read a file again"))?;
        let known = packer.finish().map_err(files("hand over a pack"))?;
        Ok(Some(known.into_manifest(manifest)))
    }

    /// The entry of a name; none for what is no part of a snapshot or vanished meanwhile.
    fn entry(
        &self,
        found: &Found,
        opener: &mut Opener,
        packer: &mut Packer,
    ) -> Result<Option<(Kind, Option<Stat>)>, Error> {
        let (executable, stat) = match &found.kind {
            FoundKind::Dir => return Ok(Some((Kind::Dir, None))),
            FoundKind::Link(target) => return Ok(Some((Kind::Link(target.clone()), None))),
            FoundKind::Special => return Ok(None),
            FoundKind::File { executable, stat, .. } => (*executable, *stat),
        };
        let unchanged = self.base.as_ref().and_then(|base| base.unchanged(&found.path, &stat));
        if let Some(Entry {
            kind: Kind::File(_, size, parts),
            ..
        }) = unchanged
        {
            return Ok(Some((Kind::File(executable, *size, parts.clone()), Some(stat))));
        }
        self.moved.add_file();
        match read_file(opener, &found.path, packer) {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(files("hand over a pack")(error)),
            // Removed, replaced by something else, or not ours to read.
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(files(format!("read {}", found.path))(error)),
        }
    }

    /// Refuses before anything is read: a tree far over its quota would be read for nothing, turn after turn.
    fn check_quota(&self, tree: &Tree) -> Result<(), Error> {
        let stored = tree.found.iter().map(|found| match &found.kind {
            FoundKind::File { stored, .. } => *stored,
            FoundKind::Dir | FoundKind::Link(_) | FoundKind::Special => 0,
        });
        let (used, quota) = (stored.sum::<u64>(), self.quota.bytes);
        if used > quota {
            Err(Error::Quota { used, quota })
        } else {
            Ok(())
        }
    }

    fn log_left_out(&self, tree: &Tree) {
        let special = tree
            .found
            .iter()
            .filter(|found| matches!(found.kind, FoundKind::Special))
            .count();
        if special + tree.unreadable > 0 {
            let unreadable = tree.unreadable;
            tracing::info!(snapshot.id = %self.id, special, unreadable, "names left out of a snapshot");
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
    // A link where the file was: `ELOOP` has no stable kind.
    matches!(error.kind(), NotFound | NotADirectory | InvalidInput | PermissionDenied)
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

/// Packs the live chunks of packs that are given up. A chunk that its file does not hold any more stays where it is, and its
/// pack with it.
fn repack(own: SnapshotId, manifest: &Manifest, opener: &mut Opener, packer: &mut Packer) -> io::Result<()> {
    let is_own = |pack: &u32| {
        let key = BlobKey::parse(&manifest.packs[*pack as usize].name);
        key.is_some_and(|key| key.snapshot == own)
    };
    let given_up: HashSet<u32> = decide_repack(manifest)
        .into_iter()
        .filter(|pack| !is_own(pack))
        .collect();
    if given_up.is_empty() {
        return Ok(());
    }
    let mut packed: HashSet<Digest> = HashSet::new();
    for entry in &manifest.entries {
        let mut at = 0;
        for part in entry.kind.parts() {
            if let Part::Chunk(pack, _, bytes, wanted) = *part
                && given_up.contains(&pack)
                && !packed.contains(&wanted)
                && let Some(chunk) = read_chunk(opener, &entry.path, at, bytes)
                && digest(&chunk) == wanted
            {
                packer.pack(wanted, &chunk)?;
                packed.insert(wanted);
            }
            at += part.bytes();
        }
    }
    Ok(())
}

fn read_chunk(opener: &mut Opener, path: &TreePath, at: u64, bytes: u32) -> Option<Vec<u8>> {
    let (file, _) = opener.file(path).ok()?;
    read_range(&file, at, bytes).ok()?
}
