//! The directory of all runs of this install.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use proto::ids::{Epoch, GroupId};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::layout::make_dir;
use super::remove::remove_tree;
use super::{HeldDir, Layout, RunDir};

/// Leftovers removed by one [`RunDirs::sweep`]; a runner makes one directory per slot.
const LEFTOVERS_MAX: usize = 4_096;

/// Less room than this is none: whatever a run writes first would find it.
const ROOM_MIN: u64 = 1024 * 1024;
/// Bytes written to see that writing works.
const PROBE: [u8; 4_096] = [0; 4_096];

/// Creates and clears run directories below `<data_dir>/runs`.
#[derive(Debug)]
pub struct RunDirs {
    path: PathBuf,
    held: HeldDir,
    uid: u32,
    probes: AtomicU64,
}

impl RunDirs {
    /// Opens or creates `<data_dir>/runs`, closed to everybody but the node's user. `uid` is the sandboxes'.
    ///
    /// # Errors
    /// When the directory cannot be made or is not a directory.
    pub fn open(data_dir: &Path, uid: u32) -> io::Result<Self> {
        // The container engine and file notification both want absolute paths.
        let path = std::path::absolute(data_dir)?.join("runs");
        std::fs::create_dir_all(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self {
            held: HeldDir::open(&path)?,
            path,
            uid,
            probes: AtomicU64::default(),
        })
    }

    /// Looks whether a run has room: for names and bytes of users that are not root, and by writing a little, since there are quotas
    /// and file systems that were made read-only.
    ///
    /// # Errors
    /// What writing would end with.
    pub fn check_room(&self) -> io::Result<()> {
        let space = rustix::fs::fstatvfs(self.held.as_fd())?;
        // Who counts neither says that there is none of it.
        let lacks_bytes = space.f_blocks > 0 && space.f_bavail.saturating_mul(space.f_frsize) < ROOM_MIN;
        let lacks_names = space.f_files > 0 && space.f_favail == 0;
        if lacks_bytes || lacks_names {
            return Err(Errno::NOSPC.into());
        }
        let name = format!("room-{}", self.probes.fetch_add(1, Ordering::Relaxed));
        self.held.write(&name, &PROBE, Mode::RUSR)?;
        self.held.discard(&CString::new(name)?)
    }

    /// Creates the directories of one run. The fence is in the name: a claim has at most one run.
    ///
    /// # Errors
    /// When they exist already or cannot be made.
    pub fn create(&self, group: &GroupId, epoch: Epoch, layout: Layout) -> io::Result<RunDir> {
        let path = self.path.join(format!("{group}-e{epoch}"));
        make_dir(&path, 0o700)?;
        layout.create(&path, self.uid)?;
        RunDir::open(path, layout, self.held.open_dir(c".")?)
    }

    /// Removes what earlier lives of the runner left. Called at start, after their sandboxes were killed. Blocks.
    /// Returns how many were removed; what cannot be removed is logged and left.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut names: Vec<CString> = Vec::new();
        self.held
            .for_each_name(LEFTOVERS_MAX, |name| names.push(name.to_owned()))?;
        let removed = names.iter().filter(|name| {
            let removed = remove_tree(&self.held, name);
            let report = |error: &io::Error| {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "a leftover run directory cannot be removed"
                );
            };
            removed.inspect_err(report).is_ok()
        });
        Ok(removed.count())
    }
}
