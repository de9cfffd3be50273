//! Stamping a file.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

/// Sets a file's times to now, by the clock of its file system.
///
/// # Errors
/// When the file system refuses.
pub(crate) fn touch(file: impl AsFd) -> io::Result<()> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let both = Timestamps {
        last_access: now,
        last_modification: now,
    };
    Ok(rustix::fs::futimens(file, &both)?)
}
