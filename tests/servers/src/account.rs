//! Whom a server runs as. Postgres and pgbouncer refuse to run as root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// A user of this machine that is not root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    /// `None`: that is who we are, and there is nothing to change.
    gid: Option<u32>,
}

impl Account {
    /// The user `postgres` if we are root, else ourselves.
    pub(crate) fn unprivileged() -> Result<Self> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            return Ok(Self { uid, gid: None });
        }
        let users = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        let postgres = users.lines().find_map(|line| {
            let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        let (uid, gid) =
            postgres.context("there is no user postgres: script/setup installs Postgres, which brings it")?;
        Ok(Self { uid, gid: Some(gid) })
    }

    /// Makes a file or directory this user's.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        let Some(gid) = self.gid else { return Ok(()) };
        chown(path, Some(self.uid), Some(gid)).with_context(|| format!("chown {}", path.display()))
    }

    /// Makes a command run as this user.
    pub(crate) fn run(&self, command: &mut Command) {
        if let Some(gid) = self.gid {
            command.uid(self.uid).gid(gid);
        }
    }
}
