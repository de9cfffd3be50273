//! Opens names of a tree, directory by directory, none of them a link.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io;

use proto::snapshot::TreePath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Stat;
use crate::mailbox::HeldDir;
use crate::snapshot::root::Root;

/// The roots, held, and the directory used last: trees are gone through in order, so it is the right one mostly.
pub(in crate::snapshot) struct Opener {
    roots: HashMap<&'static str, HeldDir>,
    last: Option<(TreePath, HeldDir)>,
}

impl Opener {
    /// Holds the roots that exist.
    pub(in crate::snapshot) fn new(roots: &[Root]) -> io::Result<Self> {
        let mut held = HashMap::new();
        for root in roots {
            match HeldDir::open(&root.path) {
                Ok(dir) => {
                    held.insert(root.name, dir);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            roots: held,
            last: None,
        })
    }

    /// The directory a path is in, and its last name there; an error for a root, which is in none.
    pub(in crate::snapshot) fn parent(&mut self, path: &TreePath) -> io::Result<(&HeldDir, CString)> {
        let (dir, name) = path.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let name = CString::new(name)?;
        Ok((self.dir(dir)?, name))
    }

    /// Opens a regular file for reading. Neither a link nor a pipe nor a device makes it wait or go astray.
    pub(in crate::snapshot) fn file(&mut self, path: &TreePath) -> io::Result<(File, Stat)> {
        let (dir, name) = self.parent(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = match rustix::fs::openat(dir.as_fd(), &name, flags, Mode::empty()) {
            Err(Errno::ACCESS) => {
                // The agent took its own right to read away; it is ours as well.
                rustix::fs::chmodat(dir.as_fd(), &name, Mode::RUSR | Mode::WUSR, AtFlags::SYMLINK_NOFOLLOW)
                    .or_else(|_| rustix::fs::chmodat(dir.as_fd(), &name, Mode::RUSR | Mode::WUSR, AtFlags::empty()))?;
                rustix::fs::openat(dir.as_fd(), &name, flags, Mode::empty())?
            }
            other => other?,
        };
        let raw = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(raw.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok((File::from(fd), Stat::of(&raw)))
    }

    /// Forgets the directory used last, which may have been replaced.
    pub(in crate::snapshot) fn forget(&mut self) {
        self.last = None;
    }

    fn dir(&mut self, path: TreePath) -> io::Result<&HeldDir> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != path) {
            let dir = self.open_dir(&path)?;
            self.last = dir.map(|dir| (path.clone(), dir));
        }
        match &self.last {
            Some((_, dir)) => Ok(dir),
            None => self.root(&path),
        }
    }

    fn root(&self, path: &TreePath) -> io::Result<&HeldDir> {
        let name = std::str::from_utf8(path.root()).unwrap_or_default();
        self.roots.get(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Opens a directory below a root; none for the root itself, which is held already.
    fn open_dir(&self, path: &TreePath) -> io::Result<Option<HeldDir>> {
        let root = self.root(path)?;
        let mut dir: Option<HeldDir> = None;
        for name in path.names().skip(1) {
            let name = CString::new(name)?;
            dir = Some(dir.as_ref().unwrap_or(root).open_dir(&name)?);
        }
        Ok(dir)
    }
}
