//! A small disk of one's own: a file system in memory that can be filled, and emptied again.
//!
//! To mount one takes root: who is not root needs a `sudo` that asks for nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::guard::Guard;

/// Names that it takes, of files and directories together: more than a server makes, and few enough to be used up.
const NAMES_MAX: u32 = 16_384;
/// What takes its bytes.
const BALLAST: &str = "ballast";
/// What takes its names.
const CROWD: &str = "crowd";
/// Written at a time; what no longer fits is cut to what does.
const BLOCK_BYTES: usize = 64 * 1024;

/// A disk that nobody else has. Unmounted when it is dropped, and by its guard if it cannot be.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    _guard: Guard,
}

impl Disk {
    /// Mounts one that holds so many bytes.
    ///
    /// # Panics
    /// When it cannot be mounted: a missing right is a failure, not a reason to skip.
    pub fn new(bytes: u64) -> Self {
        Self::try_new(bytes).unwrap_or_else(|error| panic!("no disk for the tests: {error:#}"))
    }

    pub(crate) fn try_new(bytes: u64) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("clawhold-disk-")
            .tempdir()
            .context("make a directory to mount a disk at")?
            .keep();
        let sudo = if is_root() { "" } else { "sudo -n" };
        // Before there is anything to unmount: whatever comes next, it is cleaned up.
        let guard = Guard::of_mount(&directory, sudo)?;
        let disk = Self {
            directory,
            _guard: guard,
        };
        disk.mount(bytes)?;
        Ok(disk)
    }

    fn mount(&self, bytes: u64) -> Result<()> {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let options = format!(
            "size={bytes},nr_inodes={NAMES_MAX},mode=0755,uid={},gid={}",
            user.as_raw(),
            group.as_raw()
        );
        let mut mount = if is_root() {
            Command::new("mount")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "mount"]);
            sudo
        };
        mount
            .args(["-t", "tmpfs", "-o", &options, "clawhold-disk"])
            .arg(&self.directory);
        let output = mount.output().context("run mount")?;
        ensure!(
            output.status.success(),
            "{}: {}; run the tests as root, or let sudo mount without a password",
            self.directory.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Takes all bytes that are left. A file can be made then, and nothing be written into it.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn fill(&self) {
        let ballast = self.directory.join(BALLAST);
        let mut ballast = File::options().create(true).append(true).open(ballast).unwrap();
        let block = vec![0; BLOCK_BYTES];
        while ballast.write(&block).is_ok_and(|written| written > 0) {}
    }

    /// Takes all names that are left: no file and no directory can be made then, as on most disks that are full.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn crowd(&self) {
        let crowd = self.directory.join(CROWD);
        fs::create_dir(&crowd).unwrap();
        let made = (0..NAMES_MAX).take_while(|number| File::create(crowd.join(number.to_string())).is_ok());
        assert!(made.count() < NAMES_MAX as usize, "names do not run out");
    }

    /// Gives back what was taken.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn free(&self) {
        fs::remove_file(self.directory.join(BALLAST)).unwrap();
        let crowd = self.directory.join(CROWD);
        if crowd.exists() {
            fs::remove_dir_all(crowd).unwrap();
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
