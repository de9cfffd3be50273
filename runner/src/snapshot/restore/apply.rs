//! Puts the staged files in place. Blocks; no sandbox of the group runs.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use proto::snapshot::{Kind, Manifest, TreePath};
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::stage::file_mode;
use super::{Plan, Stage};
use crate::mailbox::{HeldDir, remove_tree};
use crate::snapshot::error::{Error, files};
use crate::snapshot::root::Root;
use crate::snapshot::tree::{Opener, Stat};
use crate::workspace::Owner;

const DIR_MODE: u32 = 0o755;

/// Carries out a plan. Gives back by what each entry of the manifest is known to be unchanged.
pub(in crate::snapshot) fn apply(
    roots: &[Root],
    owner: Owner,
    manifest: &Manifest,
    plan: &Plan,
    stage: &Stage,
) -> Result<Vec<Option<Stat>>, Error> {
    make_roots(roots, owner, manifest, plan)?;
    let opener = Opener::new(roots).map_err(files("open the group's directories"))?;
    let mut applying = Applying { opener, owner, stage };
    for (path, whole) in &plan.remove {
        applying.remove(path, *whole).map_err(files(format!("remove {path}")))?;
    }
    // Removed directories must not be used any more.
    applying.opener.forget();
    let mut stats = plan.kept.clone();
    for position in &plan.make {
        let path = &manifest.entries[*position].path;
        let made = applying
            .make(manifest, *position)
            .map_err(files(format!("make {path}")))?;
        stats.extend(made.map(|stat| (path.clone(), stat)));
    }
    for (path, executable) in &plan.change_mode {
        let changed = applying
            .change_mode(path, *executable)
            .map_err(files(format!("change the mode of {path}")))?;
        stats.insert(path.clone(), changed);
    }
    Ok(manifest
        .entries
        .iter()
        .map(|entry| stats.get(&entry.path).copied())
        .collect())
}

/// Makes the roots that are missing; they are in no directory that can be held.
fn make_roots(roots: &[Root], owner: Owner, manifest: &Manifest, plan: &Plan) -> Result<(), Error> {
    for position in &plan.make {
        let Some(root) = roots
            .iter()
            .find(|root| root.tree_path() == manifest.entries[*position].path)
        else {
            continue;
        };
        let make = || {
            std::fs::create_dir(&root.path)?;
            let dir = HeldDir::open(&root.path)?;
            rustix::fs::fchmod(dir.as_fd(), Mode::from_raw_mode(DIR_MODE))?;
            owner.own(dir.as_fd())
        };
        make().map_err(files(format!("make {}", root.path.display())))?;
    }
    Ok(())
}

struct Applying<'a> {
    opener: Opener,
    owner: Owner,
    stage: &'a Stage,
}

impl Applying<'_> {
    fn remove(&mut self, path: &TreePath, whole: bool) -> io::Result<()> {
        let (dir, name) = self.opener.parent(path)?;
        if whole {
            return remove_tree(dir, &name);
        }
        match dir.discard(&name) {
            // It still holds what is excluded.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOTEMPTY) => Ok(()),
            other => other,
        }
    }

    fn make(&mut self, manifest: &Manifest, position: usize) -> io::Result<Option<Stat>> {
        let entry = &manifest.entries[position];
        if entry.path.split_last().is_none() {
            return Ok(None);
        }
        let (owner, stage) = (self.owner, self.stage);
        let (dir, name) = self.opener.parent(&entry.path)?;
        match &entry.kind {
            Kind::Dir => make_dir(dir, &name, owner).map(|()| None),
            Kind::Link(target) => make_link(dir, &name, target.as_bytes(), owner).map(|()| None),
            Kind::File(..) => {
                let (from, staged) = stage.finish(manifest, position)?;
                rustix::fs::renameat(from.as_fd(), &staged, dir.as_fd(), &name)?;
                stat(dir, &name).map(Some)
            }
        }
    }

    fn change_mode(&mut self, path: &TreePath, executable: bool) -> io::Result<Stat> {
        let (file, _) = self.opener.file(path)?;
        rustix::fs::fchmod(&file, file_mode(executable))?;
        Ok(Stat::of(&rustix::fs::fstat(&file)?))
    }
}

fn make_dir(parent: &HeldDir, name: &CString, owner: Owner) -> io::Result<()> {
    match rustix::fs::mkdirat(parent.as_fd(), name, Mode::from_raw_mode(DIR_MODE)) {
        Err(Errno::EXIST) => {
            // A file or a link; a directory would have been kept.
            parent.discard(name)?;
            rustix::fs::mkdirat(parent.as_fd(), name, Mode::from_raw_mode(DIR_MODE))?;
        }
        other => other?,
    }
    let dir = parent.open_dir(name)?;
    rustix::fs::fchmod(dir.as_fd(), Mode::from_raw_mode(DIR_MODE))?;
    owner.own(dir.as_fd())
}

fn make_link(dir: &HeldDir, name: &CString, target: &[u8], owner: Owner) -> io::Result<()> {
    dir.discard(name)?;
    rustix::fs::symlinkat(OsStr::from_bytes(target), dir.as_fd(), name)?;
    if rustix::process::geteuid().as_raw() != owner.uid() {
        let (user, group) = (
            rustix::fs::Uid::from_raw(owner.uid()),
            rustix::fs::Gid::from_raw(owner.uid()),
        );
        rustix::fs::chownat(dir.as_fd(), name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

fn stat(dir: &HeldDir, name: &CString) -> io::Result<Stat> {
    Ok(Stat::of(&rustix::fs::statat(
        dir.as_fd(),
        name,
        AtFlags::SYMLINK_NOFOLLOW,
    )?))
}
