//! Which directories a run has, and who may write in them.

use std::path::Path;

use proto::{ipc, nanoclaw};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

/// The directories one container contract needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `in/mail`, `in/heartbeat`, `out/mail`, `out/heartbeat`.
    Own,
    /// `in` for the proxy's socket, `ipc/input`, `ipc/messages`, `ipc/tasks`.
    NanoClaw,
}

/// Who a file or directory belongs to.
#[derive(Clone, Copy)]
enum Owner {
    /// Ours; the sandbox reads it.
    Host,
    /// The sandbox's: only its uid (and we) may write.
    Sandbox,
}

/// The host's side of the run, mounted read-only.
pub(super) const IN: &str = "in";
/// The agent's side of the run, mounted writable.
pub(super) const OUT: &str = "out";
/// Both sides in NanoClaw's contract, mounted writable.
pub(super) const IPC: &str = "ipc";
/// Never mounted: where directories are moved to that an agent put into a mailbox.
pub(super) const ATTIC: &str = "attic";

impl Layout {
    /// Creates everything inside a fresh run directory.
    pub(super) fn create(self, root: &Path, uid: u32) -> std::io::Result<()> {
        // The node's user only: what is mounted does not depend on this directory's mode, everybody else on the host does.
        make_dir(&root.join(ATTIC), 0o700)?;
        make_dir(&root.join(IN), 0o755)?;
        match self {
            Self::Own => {
                make_dir(&root.join(IN).join(ipc::MAILBOX), 0o755)?;
                make_file(&root.join(IN).join(ipc::HEARTBEAT), Owner::Host, uid)?;
                make_dir(&root.join(OUT), 0o755)?;
                make_sandbox_dir(&root.join(OUT).join(ipc::MAILBOX), uid)?;
                make_file(&root.join(OUT).join(ipc::HEARTBEAT), Owner::Sandbox, uid)
            }
            Self::NanoClaw => {
                make_dir(&root.join(IPC), 0o755)?;
                for name in [nanoclaw::INPUT, nanoclaw::MESSAGES, nanoclaw::TASKS] {
                    make_sandbox_dir(&root.join(IPC).join(name), uid)?;
                }
                Ok(())
            }
        }
    }
}

/// Makes a directory of ours. The umask has no say.
pub(super) fn make_dir(path: &Path, mode: u32) -> std::io::Result<()> {
    rustix::fs::mkdir(path, Mode::from_raw_mode(0o700))?;
    Ok(rustix::fs::chmod(path, Mode::from_raw_mode(mode))?)
}

fn make_sandbox_dir(path: &Path, uid: u32) -> std::io::Result<()> {
    make_dir(path, 0o700)?;
    give_to_sandbox(path, uid, 0o777)
}

fn make_file(path: &Path, owner: Owner, uid: u32) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?;
    rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o644))?;
    match owner {
        Owner::Host => Ok(()),
        Owner::Sandbox => give_to_sandbox(path, uid, 0o666),
    }
}

/// Gives a path to the sandbox's uid. A node that may not do that, not being root, opens it to all instead: nobody but the
/// sandbox gets there, because the directory that holds all runs is closed to everybody else.
fn give_to_sandbox(path: &Path, uid: u32, open_mode: u32) -> std::io::Result<()> {
    let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    match rustix::fs::chownat(
        rustix::fs::CWD,
        path,
        Some(owner),
        Some(group),
        AtFlags::SYMLINK_NOFOLLOW,
    ) {
        Err(Errno::PERM) if rustix::process::geteuid() == owner => Ok(()),
        Err(Errno::PERM) => Ok(rustix::fs::chmod(path, Mode::from_raw_mode(open_mode))?),
        other => Ok(other?),
    }
}
