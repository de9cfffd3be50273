//! Removes a tree that an agent made.
//!
//! Recursion would be the agent's to choose: a directory nested 100 000 deep exhausts a stack or the descriptors. Here each
//! directory's subdirectories are moved up to the top instead and emptied there, so depth costs nothing: two descriptors and
//! a bounded batch of names at a time. Links are never followed.

use std::ffi::{CStr, CString};
use std::io;

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::held_dir::HeldDir;

/// Names held at a time.
const BATCH: usize = 1_024;
/// New names tried for a directory moved up; the agent may have used some.
const NAME_TRIES: u64 = 100_000;

/// Removes `name` in `parent` with everything in it. Nobody may be writing to it any more.
///
/// # Errors
/// The first thing that cannot be removed.
pub fn remove_tree(parent: &HeldDir, name: &CStr) -> io::Result<()> {
    let Some(top) = open_if_dir(parent, name)? else {
        return parent.discard(name);
    };
    let mut moved = 0;
    loop {
        let names = batch(&top)?;
        if names.is_empty() {
            return parent.discard(name);
        }
        for inner in &names {
            let Some(dir) = open_if_dir(&top, inner)? else {
                top.discard(inner)?;
                continue;
            };
            flatten(&top, &dir, &mut moved)?;
            top.discard(inner)?;
        }
    }
}

/// Empties `dir`: files are deleted, directories that hold something move to `top`.
fn flatten(top: &HeldDir, dir: &HeldDir, moved: &mut u64) -> io::Result<()> {
    loop {
        let names = batch(dir)?;
        if names.is_empty() {
            return Ok(());
        }
        for name in &names {
            if dir.discard(name).is_err() {
                move_up(top, dir, name, moved)?;
            }
        }
    }
}

fn move_up(top: &HeldDir, dir: &HeldDir, name: &CStr, moved: &mut u64) -> io::Result<()> {
    // Moving a directory changes its "..", so it must be writable.
    let _ = open_if_dir(dir, name)?;
    for _ in 0..NAME_TRIES {
        *moved += 1;
        match dir.move_to(name, top, &format!("up-{moved}")) {
            Err(error) if is_taken(&error) => {}
            other => return other,
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR)
    )
}

/// Opens a directory and makes it ours to empty; none when it is something else.
fn open_if_dir(parent: &HeldDir, name: &CStr) -> io::Result<Option<HeldDir>> {
    let opened = match parent.open_dir(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rustix::fs::chmodat(parent.as_fd(), name, Mode::RWXU, AtFlags::empty())?;
            parent.open_dir(name)
        }
        other => other,
    };
    match opened {
        Ok(dir) => {
            // Refused on a directory of another uid, which then must already let us in.
            let _ = rustix::fs::fchmod(dir.as_fd(), Mode::RWXU);
            Ok(Some(dir))
        }
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOTDIR | Errno::LOOP | Errno::NOENT | Errno::NXIO) => Ok(None),
            _ => Err(error),
        },
    }
}

fn batch(dir: &HeldDir) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    dir.for_each_name(BATCH, |name| names.push(name.to_owned()))?;
    Ok(names)
}
