//! Lists what is in the roots.

use std::ffi::CString;
use std::io;

use proto::snapshot::{LinkTarget, TreePath};
use rustix::fs::{AtFlags, FileType, Mode, Stat as RawStat};

use super::Stat;
use crate::mailbox::HeldDir;
use crate::snapshot::error::{Error, files};
use crate::snapshot::root::Root;

/// Directories inside one another: each holds a descriptor while the walk is in it.
const DEPTH_MAX: usize = 96;
/// Bytes of a block in `st_blocks`, whatever the file system's own are.
const BLOCK_BYTES: u64 = 512;

/// What is in the roots.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct Tree {
    /// Everything but what is excluded, by path.
    pub(in crate::snapshot) found: Vec<Found>,
    /// Names that could not be read or stored.
    pub(in crate::snapshot) unreadable: usize,
}

/// One name.
#[derive(Debug)]
pub(in crate::snapshot) struct Found {
    pub(in crate::snapshot) path: TreePath,
    pub(in crate::snapshot) kind: FoundKind,
}

#[derive(Debug)]
pub(in crate::snapshot) enum FoundKind {
    Dir,
    Link(LinkTarget),
    File {
        executable: bool,
        stat: Stat,
        /// Bytes it takes on the disk, at most its size.
        stored: u64,
    },
    /// A socket, a pipe, a device: no part of a snapshot.
    Special,
}

/// Lists the roots that exist, up to `entries_max` names.
pub(in crate::snapshot) fn walk(roots: &[Root], entries_max: usize) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    for root in roots {
        let dir = match HeldDir::open(&root.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(files(format!("open {}", root.path.display())))?,
        };
        let path = root.tree_path();
        tree.found.push(Found {
            path: path.clone(),
            kind: FoundKind::Dir,
        });
        walk_root(root, path, dir, entries_max, &mut tree)?;
    }
    tree.found.sort_unstable_by(|one, two| one.path.cmp(&two.path));
    Ok(tree)
}

/// A directory the walk is in, and the names in it that it still has to look at.
struct Open {
    path: TreePath,
    dir: HeldDir,
    names: Vec<CString>,
}

fn walk_root(root: &Root, path: TreePath, dir: HeldDir, entries_max: usize, tree: &mut Tree) -> Result<(), Error> {
    let mut stack = Vec::new();
    enter(path, dir, entries_max, &mut stack)?;
    while let Some(top) = stack.last_mut() {
        let Some(name) = top.names.pop() else {
            stack.pop();
            continue;
        };
        let Ok(path) = top.path.join(name.to_bytes()) else {
            tree.unreadable += 1;
            continue;
        };
        if root.excludes(path.below_root()) {
            continue;
        }
        let Some(kind) = look(&top.dir, &name) else {
            // Gone again, or not ours to look at.
            tree.unreadable += 1;
            continue;
        };
        if tree.found.len() >= entries_max {
            return Err(Error::TooManyFiles { max: entries_max });
        }
        let inner = match kind {
            FoundKind::Dir => open_dir(&top.dir, &name),
            _ => None,
        };
        tree.unreadable += usize::from(matches!(kind, FoundKind::Dir) && inner.is_none());
        tree.found.push(Found {
            path: path.clone(),
            kind,
        });
        if let Some(inner) = inner {
            enter(path, inner, entries_max, &mut stack)?;
        }
    }
    Ok(())
}

fn enter(path: TreePath, dir: HeldDir, names_max: usize, stack: &mut Vec<Open>) -> Result<(), Error> {
    if stack.len() == DEPTH_MAX {
        let (path, max) = (path.to_string(), DEPTH_MAX);
        return Err(Error::TooDeep { path, max });
    }
    let mut names = Vec::new();
    let all = dir.for_each_name(names_max, |name| names.push(name.to_owned()));
    if !all.map_err(files(format!("list {path}")))? {
        return Err(Error::TooManyFiles { max: names_max });
    }
    stack.push(Open { path, dir, names });
    Ok(())
}

/// Opens a directory, giving its owner the right to if the agent took it away.
fn open_dir(parent: &HeldDir, name: &CString) -> Option<HeldDir> {
    match parent.open_dir(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rustix::fs::chmodat(parent.as_fd(), name, Mode::RWXU, AtFlags::empty()).ok()?;
            parent.open_dir(name).ok()
        }
        other => other.ok(),
    }
}

fn look(dir: &HeldDir, name: &CString) -> Option<FoundKind> {
    let raw = rustix::fs::statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(match FileType::from_raw_mode(raw.st_mode) {
        FileType::Directory => FoundKind::Dir,
        FileType::RegularFile => FoundKind::File {
            executable: Mode::from_raw_mode(raw.st_mode).contains(Mode::XUSR),
            stat: Stat::of(&raw),
            stored: stored(&raw),
        },
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(dir.as_fd(), name, Vec::new()).ok()?;
            FoundKind::Link(LinkTarget::parse(target.to_bytes()).ok()?)
        }
        _ => FoundKind::Special,
    })
}

fn stored(raw: &RawStat) -> u64 {
    let blocks = u64::try_from(raw.st_blocks).unwrap_or(0);
    Stat::of(raw).size().min(blocks.saturating_mul(BLOCK_BYTES))
}
