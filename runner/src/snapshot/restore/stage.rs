//! Where files are put together before they go into place: beside the root, on its file system, out of agents' reach.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use proto::ids::GroupId;
use proto::snapshot::{Kind, Manifest};
use rustix::fs::{Mode, OFlags};

use crate::mailbox::{HeldDir, remove_tree};
use crate::snapshot::root::Root;
use crate::workspace::Owner;

/// Staging directories, one beside each root.
#[derive(Debug)]
pub(in crate::snapshot) struct Stage {
    dirs: Vec<StageDir>,
    owner: Owner,
}

#[derive(Debug)]
struct StageDir {
    root: &'static str,
    name: CString,
    parent: HeldDir,
    dir: HeldDir,
}

impl Stage {
    /// Makes empty staging directories, and the roots' parents where they are missing.
    pub(in crate::snapshot) fn open(roots: &[Root], group: &GroupId, owner: Owner) -> io::Result<Self> {
        let dirs = roots
            .iter()
            .map(|root| StageDir::open(root, group))
            .collect::<io::Result<_>>()?;
        Ok(Self { dirs, owner })
    }

    /// Writes a chunk of the file at `position` in the manifest.
    pub(in crate::snapshot) fn write(
        &self,
        manifest: &Manifest,
        position: usize,
        at: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.file(manifest, position)?.0.write_all_at(bytes, at)
    }

    /// Completes a file: its length, its mode, its owner. Says where it is.
    pub(in crate::snapshot) fn finish(&self, manifest: &Manifest, position: usize) -> io::Result<(&HeldDir, CString)> {
        let (file, dir) = self.file(manifest, position)?;
        if let Kind::File(executable, size, _) = &manifest.entries[position].kind {
            file.set_len(*size)?;
            rustix::fs::fchmod(&file, file_mode(*executable))?;
        }
        self.owner.own(&file)?;
        Ok((dir, file_name(position)?))
    }

    fn file(&self, manifest: &Manifest, position: usize) -> io::Result<(File, &HeldDir)> {
        let root = manifest.entries[position].path.root();
        let stage = self.dirs.iter().find(|stage| stage.root.as_bytes() == root);
        let dir = &stage.ok_or(io::ErrorKind::NotFound)?.dir;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(dir.as_fd(), file_name(position)?, flags, Mode::RUSR | Mode::WUSR)?;
        Ok((File::from(fd), dir))
    }

    /// Removes the staging directories.
    pub(in crate::snapshot) fn remove(self) -> io::Result<()> {
        self.dirs
            .iter()
            .try_for_each(|stage| remove_tree(&stage.parent, &stage.name))
    }
}

impl StageDir {
    fn open(root: &Root, group: &GroupId) -> io::Result<Self> {
        let parent = root.path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        std::fs::create_dir_all(parent)?;
        let parent = HeldDir::open(&parent.canonicalize()?)?;
        let name = CString::new(format!(".restore-{group}-{}", root.name))?;
        remove_tree(&parent, &name)?;
        rustix::fs::mkdirat(parent.as_fd(), &name, Mode::RWXU)?;
        let dir = parent.open_dir(&name)?;
        let root = root.name;
        Ok(Self {
            root,
            name,
            parent,
            dir,
        })
    }
}

fn file_name(position: usize) -> io::Result<CString> {
    Ok(CString::new(position.to_string())?)
}

/// Of the mode only the right to execute is part of a snapshot.
pub(super) fn file_mode(executable: bool) -> Mode {
    Mode::from_raw_mode(if executable { 0o755 } else { 0o644 })
}
