//! What is written down of a process, so that the next life of the runner finds it: one file per process.
//!
//! A process that was started a moment before its runner died, and not written down, is found by nobody; it ends by its own
//! watchdog, like a container whose runner is gone.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde::{Deserialize, Serialize};

use crate::sandbox::{Found, SandboxId, SandboxLabels, SandboxState};

/// One process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Process id; it leads a process group of its own.
    pid: i32,
    /// When the kernel says it began: tells it from a later one with the same id.
    began: u64,
    labels: HashMap<String, String>,
}

impl Record {
    pub(super) fn of(pid: u32, labels: &SandboxLabels) -> io::Result<Self> {
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        let began = began(pid).ok_or_else(|| io::Error::other("it ended at once"))?;
        let labels = labels.to_map();
        Ok(Self { pid, began, labels })
    }

    pub(super) fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, serde_json::to_vec(self)?)?;
        std::fs::rename(fresh, path)
    }

    /// As found by listing, if it is of this install.
    pub(super) fn found(&self, id: SandboxId, install: &str) -> Option<Found> {
        let labels = SandboxLabels::from_map(&self.labels).ok()?;
        let state = match self.lives() {
            true => SandboxState::Running,
            false => SandboxState::Exited,
        };
        (labels.install == install).then_some(Found { id, labels, state })
    }

    /// Sends a signal to all its processes; says whether there was one.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.lives()) else {
            return false;
        };
        kill_process_group(pid, signal).is_ok()
    }

    fn lives(&self) -> bool {
        let same = began(self.pid) == Some(self.began);
        same && Pid::from_raw(self.pid).is_some_and(|pid| test_kill_process_group(pid).is_ok())
    }
}

/// Field 22 of `/proc/<pid>/stat`; the second field may contain blanks, so counting begins after its bracket.
fn began(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1;
    fields.split_whitespace().nth(19)?.parse().ok()
}
