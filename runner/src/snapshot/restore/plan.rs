//! What differs between the tree and a snapshot. Blocks.

use std::collections::{BTreeSet, HashMap};
use std::ffi::CString;

use proto::snapshot::{Digest, Kind, Manifest, Part, TreePath};

use crate::mailbox::{HeldDir, remove_tree};
use crate::snapshot::error::{Error, files};
use crate::snapshot::index::Index;
use crate::snapshot::root::Root;
use crate::snapshot::tree::{Found, FoundKind, Opener, Stat, Tree, digest, read_range, walk};

/// Names looked at: more than any snapshot has. A tree beyond this is cleared instead.
const ENTRIES_MAX: usize = 400_000;
/// Names removed at a time when a tree is cleared.
const BATCH: usize = 1_024;

/// What is to be done.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct Plan {
    /// Names to remove, deepest first: not in the snapshot, or something else there.
    pub(in crate::snapshot) remove: Vec<(TreePath, bool)>,
    /// Positions of the manifest's entries to make, in order.
    pub(in crate::snapshot) make: Vec<usize>,
    /// Files that are right but for the right to execute them.
    pub(in crate::snapshot) change_mode: Vec<(TreePath, bool)>,
    /// For each chunk needed, where it goes: position of the entry, offset in the file.
    pub(in crate::snapshot) places: HashMap<Digest, Vec<(usize, u64)>>,
    /// Where chunks can be read on this host: path and offset of a file that held it once.
    pub(in crate::snapshot) local: HashMap<Digest, (TreePath, u64)>,
    /// By what the files that stay are known to be unchanged.
    pub(in crate::snapshot) kept: HashMap<TreePath, Stat>,
    /// Chunks to fetch: pack, offset, length. Those on this host are left out later.
    pub(in crate::snapshot) wanted: BTreeSet<(u32, u64, u32)>,
}

/// Compares the tree in `roots` with the part of `manifest` that lies in them. A root that the snapshot does not have is left
/// alone.
pub(in crate::snapshot) fn plan(roots: &[Root], manifest: &Manifest, index: Option<&Index>) -> Result<Plan, Error> {
    let has = |root: &&Root| manifest.entries.iter().any(|entry| entry.path == root.tree_path());
    let roots: Vec<Root> = roots.iter().filter(has).cloned().collect();
    let tree = match walk(&roots, ENTRIES_MAX) {
        Err(error) if error.is_over_quota() => {
            tracing::warn!(%error, "the local copy is beyond all measure and is made anew");
            roots.iter().try_for_each(clear)?;
            walk(&roots, ENTRIES_MAX)?
        }
        other => other?,
    };
    let mut planning = Planning {
        opener: Opener::new(&roots).map_err(files("open the group's directories"))?,
        index,
        plan: Plan::default(),
    };
    planning.compare(&roots, manifest, &tree);
    Ok(planning.plan)
}

struct Planning<'a> {
    opener: Opener,
    index: Option<&'a Index>,
    plan: Plan,
}

impl Planning<'_> {
    fn compare(&mut self, roots: &[Root], manifest: &Manifest, tree: &Tree) {
        let found: HashMap<&TreePath, &FoundKind> = tree.found.iter().map(|found| (&found.path, &found.kind)).collect();
        tree.found.iter().for_each(|found| self.note_source(found));
        for (position, entry) in manifest.entries.iter().enumerate() {
            if !roots.iter().any(|root| root.name.as_bytes() == entry.path.root()) {
                continue;
            }
            let there = found.get(&entry.path).copied();
            if !self.is_there(&entry.path, &entry.kind, there) {
                self.make(position, &entry.kind);
            }
        }
        for found in tree.found.iter().rev() {
            let position = manifest.entries.binary_search_by(|entry| entry.path.cmp(&found.path));
            let wanted = position.ok().map(|position| &manifest.entries[position].kind);
            let is_dir = matches!(found.kind, FoundKind::Dir);
            let fits = match wanted {
                None => false,
                // A file is replaced by renaming over it.
                Some(Kind::Dir) => is_dir,
                Some(Kind::File(..) | Kind::Link(_)) => !is_dir,
            };
            if !fits {
                // What stands in another's way goes with all that is in it, what is merely gone keeps what is excluded.
                self.plan.remove.push((found.path.clone(), wanted.is_some()));
            }
        }
    }

    /// Remembers where chunks can probably be read: their digests are checked when they are.
    fn note_source(&mut self, found: &Found) {
        if !matches!(found.kind, FoundKind::File { .. }) {
            return;
        }
        let Some(entry) = self.index.and_then(|index| index.entry(&found.path)) else {
            return;
        };
        let mut at = 0;
        for part in entry.kind.parts() {
            if let Part::Chunk(_, _, _, digest) = part {
                self.plan
                    .local
                    .entry(*digest)
                    .or_insert_with(|| (found.path.clone(), at));
            }
            at += part.bytes();
        }
    }

    fn is_there(&mut self, path: &TreePath, wanted: &Kind, there: Option<&FoundKind>) -> bool {
        match (wanted, there) {
            (Kind::Dir, Some(FoundKind::Dir)) => true,
            (Kind::Link(target), Some(FoundKind::Link(found))) => target == found,
            (
                Kind::File(executable, size, parts),
                Some(FoundKind::File {
                    executable: now, stat, ..
                }),
            ) => {
                if !self.has_contents(path, stat, *size, parts) {
                    return false;
                }
                if executable == now {
                    self.plan.kept.insert(path.clone(), *stat);
                } else {
                    self.plan.change_mode.push((path.clone(), *executable));
                }
                true
            }
            (Kind::Dir | Kind::Link(_) | Kind::File(..), _) => false,
        }
    }

    /// By its stat where that is known, else by reading it: cheaper than fetching it.
    fn has_contents(&mut self, path: &TreePath, stat: &Stat, size: u64, parts: &[Part]) -> bool {
        if stat.size() != size {
            return false;
        }
        if let Some(entry) = self.index.and_then(|index| index.unchanged(path, stat)) {
            let known = entry.kind.parts();
            return Kind::File(false, size, known.to_vec()).is_same_as(&Kind::File(false, size, parts.to_vec()));
        }
        let Ok((file, _)) = self.opener.file(path) else {
            return false;
        };
        let mut at = 0;
        parts.iter().all(|part| {
            let start = at;
            at += part.bytes();
            match part {
                // Reading a hole may take for ever; a file with holes is made anew.
                Part::Hole(_) => false,
                Part::Chunk(_, _, bytes, wanted) => {
                    let chunk = read_range(&file, start, *bytes).ok().flatten();
                    chunk.is_some_and(|chunk| digest(&chunk) == *wanted)
                }
            }
        })
    }

    fn make(&mut self, position: usize, kind: &Kind) {
        self.plan.make.push(position);
        let mut at = 0;
        for part in kind.parts() {
            if let Part::Chunk(pack, offset, bytes, digest) = *part {
                let places = self.plan.places.entry(digest).or_default();
                if places.is_empty() {
                    self.plan.wanted.insert((pack, offset, bytes));
                }
                places.push((position, at));
            }
            at += part.bytes();
        }
    }
}

/// Removes everything in a root, whatever an agent made of it.
fn clear(root: &Root) -> Result<(), Error> {
    let failed = || format!("clear {}", root.path.display());
    let dir = HeldDir::open(&root.path).map_err(files(failed()))?;
    loop {
        let mut names: Vec<CString> = Vec::new();
        dir.for_each_name(BATCH, |name| names.push(name.to_owned()))
            .map_err(files(failed()))?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            remove_tree(&dir, &name).map_err(files(failed()))?;
        }
    }
}
