//! A directory held by its descriptor.
//!
//! Invariant: no method resolves a path. Names are single components, links are never followed, opening never blocks
//! (`O_NONBLOCK` opens a FIFO at once), and at most `cap` bytes of a file are kept. Renaming, replacing or deleting the
//! directory under us changes nothing: the descriptor still means the directory that was opened.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::refusal::Refusal;

/// A directory, opened once.
#[derive(Debug)]
pub struct HeldDir {
    fd: OwnedFd,
}

/// What came of reading a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The contents of a regular file.
    Contents(Vec<u8>),
    /// There is no such name (any more).
    Absent,
    /// Something that must not be read.
    Refused(Refusal),
}

impl HeldDir {
    /// Opens a directory that nobody hostile can have replaced yet.
    ///
    /// # Errors
    /// When it is not a directory (a link included) or may not be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            fd: rustix::fs::open(path, flags, Mode::empty())?,
        })
    }

    /// Opens a directory inside this one.
    ///
    /// # Errors
    /// When it is not a directory (a link included) or may not be opened.
    pub fn open_dir(&self, name: &CStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            fd: rustix::fs::openat(&self.fd, name, flags, Mode::empty())?,
        })
    }

    /// The descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Reads a file without removing it. Neither a link nor a FIFO, a socket or a swapped file makes it wait or go astray.
    pub fn read(&self, name: &CStr, cap: u64) -> Taken {
        match self.try_read(name, cap) {
            Ok(taken) => taken,
            Err(Errno::NOENT) => Taken::Absent,
            Err(Errno::LOOP) => Taken::Refused(Refusal::Link),
            // Opening a socket.
            Err(Errno::NXIO) => Taken::Refused(Refusal::NotAFile),
            Err(error) => Taken::Refused(Refusal::Unreadable(io::Error::from(error).kind())),
        }
    }

    fn try_read(&self, name: &CStr, cap: u64) -> Result<Taken, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        let bytes = match plain_file(&rustix::fs::fstat(&fd)?, cap) {
            Ok(bytes) => bytes,
            Err(refusal) => return Ok(Taken::Refused(refusal)),
        };
        let mut contents = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0) + 1);
        // The file may still grow while it is read.
        let read = File::from(fd).take(cap + 1).read_to_end(&mut contents);
        read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        if contents.len() as u64 > cap {
            return Ok(Taken::Refused(Refusal::TooLarge {
                bytes: contents.len() as u64,
                max: cap,
            }));
        }
        Ok(Taken::Contents(contents))
    }

    /// Writes a whole file under a name that nobody uses: a reader sees all of it or nothing.
    ///
    /// # Errors
    /// When the disk is full or the directory may not be written. Whatever an agent planted under the temporary name is
    /// removed first, and a link there is never followed.
    pub fn write(&self, name: &str, contents: &[u8], mode: Mode) -> io::Result<()> {
        let temporary = format!(".{name}.tmp");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.fd, temporary.as_str(), flags, mode) {
            Err(Errno::EXIST) => {
                let name = CString::new(temporary.as_str())?;
                self.discard(&name)?;
                rustix::fs::openat(&self.fd, temporary.as_str(), flags, mode)?
            }
            other => other?,
        };
        // The umask must not decide what the sandbox may read.
        rustix::fs::fchmod(&fd, mode)?;
        let written = File::from(fd).write_all(contents);
        let renamed = written.and_then(|()| Ok(rustix::fs::renameat(&self.fd, temporary.as_str(), &self.fd, name)?));
        if renamed.is_err() {
            let _ = rustix::fs::unlinkat(&self.fd, temporary.as_str(), AtFlags::empty());
        }
        renamed
    }

    /// As [`HeldDir::write`], into the file that `spare` is the name of so far; in a directory that only we may write to. What holds it
    /// open for reading does not make this wait, a lease of it included.
    ///
    /// # Errors
    /// As for writing, and when there is no such file or somebody has a lease of it. It may have the temporary name then, of which
    /// [`HeldDir::write`] takes care.
    pub fn write_into(&self, spare: &str, name: &str, contents: &[u8]) -> io::Result<()> {
        let temporary = format!(".{name}.tmp");
        rustix::fs::renameat(&self.fd, spare, &self.fd, temporary.as_str())?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.fd, temporary.as_str(), flags, Mode::empty())?);
        file.write_all(contents)?;
        // Shortened and not emptied first: after that ext4 would put it on the disk at once.
        file.set_len(contents.len() as u64)?;
        Ok(rustix::fs::renameat(&self.fd, temporary.as_str(), &self.fd, name)?)
    }

    /// Gives a free name to what had another.
    ///
    /// # Errors
    /// When the name is taken or the system refuses.
    pub fn rename(&self, name: &CStr, new_name: &str) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        Ok(rustix::fs::renameat_with(&self.fd, name, &self.fd, new_name, flags)?)
    }

    /// Whether a name is a file of its own of at most `cap` bytes.
    pub fn has_file(&self, name: &str, cap: u64) -> bool {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| plain_file(&stat, cap).is_ok())
    }

    /// Removes a name, whatever it is, except a directory that holds something (see [`HeldDir::move_to`]).
    ///
    /// # Errors
    /// When it cannot be removed; a name that is gone already is no error.
    pub fn discard(&self, name: &CStr) -> io::Result<()> {
        let removed = match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR),
            other => other,
        };
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a name into another directory of the same file system.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn move_to(&self, name: &CStr, to: &Self, new_name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, name, &to.fd, new_name)?)
    }

    /// Whether a name exists, whatever it is.
    pub fn holds(&self, name: &str) -> bool {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// When a name was last modified, as seconds and nanoseconds; a link is not followed.
    pub fn modified_at(&self, name: &str) -> Option<(i64, u64)> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        #[allow(clippy::useless_conversion, reason = "the field's type differs between platforms")]
        let nanos = u64::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Some((stat.st_mtime, nanos))
    }

    /// Calls `each` with up to `limit` names; `false` when there are more.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn for_each_name(&self, limit: usize, mut each: impl FnMut(&CStr)) -> io::Result<bool> {
        let mut seen = 0;
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if seen == limit {
                return Ok(false);
            }
            seen += 1;
            each(name);
        }
        Ok(true)
    }
}

/// Size in bytes of a file that nothing but its one name leads to and that is not too large.
fn plain_file(stat: &Stat, cap: u64) -> Result<u64, Refusal> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Refusal::NotAFile);
    }
    #[allow(clippy::useless_conversion, reason = "the field's type differs between platforms")]
    let links = u64::from(stat.st_nlink);
    if links > 1 {
        return Err(Refusal::HardLinks(links));
    }
    let bytes = u64::try_from(stat.st_size).unwrap_or(0);
    if bytes > cap {
        return Err(Refusal::TooLarge { bytes, max: cap });
    }
    Ok(bytes)
}
