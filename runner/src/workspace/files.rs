//! Making files and directories inside a held directory that an agent may be writing to as well.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::Owner;
use crate::mailbox::{HeldDir, Taken};

const DIR_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// Opens the directory `name`, making it if it is missing. Anything else under the name (a link, a file) gives way: the
/// agent put it there instead of what belongs there.
pub(super) fn make_dir(parent: &HeldDir, name: &str, owner: Owner) -> io::Result<HeldDir> {
    let c_name = CString::new(name)?;
    if let Ok(dir) = parent.open_dir(&c_name) {
        return Ok(dir);
    }
    match rustix::fs::mkdirat(parent.as_fd(), name, Mode::from_raw_mode(DIR_MODE)) {
        Ok(()) => {}
        Err(Errno::EXIST) => {
            parent.discard(&c_name)?;
            rustix::fs::mkdirat(parent.as_fd(), name, Mode::from_raw_mode(DIR_MODE))?;
        }
        Err(error) => return Err(error.into()),
    }
    let dir = parent.open_dir(&c_name)?;
    rustix::fs::fchmod(dir.as_fd(), Mode::from_raw_mode(DIR_MODE))?;
    owner.own(dir.as_fd())?;
    Ok(dir)
}

/// Writes a file unless the name is taken, by whatever it is. Says whether it was written.
pub(super) fn write_if_absent(dir: &HeldDir, name: &str, contents: &[u8], owner: Owner) -> io::Result<bool> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(dir.as_fd(), name, flags, Mode::from_raw_mode(FILE_MODE)) {
        Ok(fd) => fd,
        Err(Errno::EXIST) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut file = File::from(fd);
    let written = finish(&mut file, contents, owner);
    if written.is_err() {
        // Half a file would be taken for a whole one next time.
        let _ = rustix::fs::unlinkat(dir.as_fd(), name, AtFlags::empty());
    }
    written.map(|()| true)
}

/// Writes a file whole, unless it has these contents already. A link under the name is replaced, not followed.
pub(super) fn replace(dir: &HeldDir, name: &str, contents: &[u8], owner: Owner) -> io::Result<()> {
    let c_name = CString::new(name)?;
    match dir.read(&c_name, contents.len() as u64) {
        Taken::Contents(found) if found == contents => return Ok(()),
        Taken::Contents(_) | Taken::Absent | Taken::Refused(_) => {}
    }
    let temporary = format!(".{name}.tmp");
    dir.discard(&CString::new(temporary.as_str())?)?;
    if !write_if_absent(dir, &temporary, contents, owner)? {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{temporary} came back while it was replaced"),
        ));
    }
    match rustix::fs::renameat(dir.as_fd(), temporary.as_str(), dir.as_fd(), name) {
        // A directory stands in the way; it is not what belongs there.
        Err(Errno::ISDIR) => {
            crate::mailbox::remove_tree(dir, &c_name)?;
            Ok(rustix::fs::renameat(
                dir.as_fd(),
                temporary.as_str(),
                dir.as_fd(),
                name,
            )?)
        }
        other => Ok(other?),
    }
}

fn finish(file: &mut File, contents: &[u8], owner: Owner) -> io::Result<()> {
    rustix::fs::fchmod(&*file, Mode::from_raw_mode(FILE_MODE))?;
    owner.own(&*file)?;
    file.write_all(contents)
}
