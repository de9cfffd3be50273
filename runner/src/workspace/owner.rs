//! Whom files belong to that a sandbox uses.

use std::io;
use std::os::fd::AsFd;

use rustix::process::{Gid, Uid};

/// The user a sandbox runs as: the configured one where this process may give files away (it is root), else this process's
/// own, so that what either writes is readable and removable for the other.
pub fn effective_uid(configured: u32) -> u32 {
    match rustix::process::geteuid().as_raw() {
        0 => configured,
        own => own,
    }
}

/// Gives what is made to the sandbox's user.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    uid: u32,
}

impl Owner {
    /// The sandbox's user, see [`effective_uid`].
    pub fn new(effective_uid: u32) -> Self {
        Self { uid: effective_uid }
    }

    /// Its id.
    pub fn uid(self) -> u32 {
        self.uid
    }

    /// Makes it the owner of an open file or directory.
    pub(crate) fn own(self, file: impl AsFd) -> io::Result<()> {
        if rustix::process::geteuid().as_raw() == self.uid {
            return Ok(());
        }
        let (user, group) = (Uid::from_raw(self.uid), Gid::from_raw(self.uid));
        Ok(rustix::fs::fchown(file, Some(user), Some(group))?)
    }
}
