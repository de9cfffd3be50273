//! The host's mailbox: files in sequence, which the agent can read and not change.

use std::collections::VecDeque;
use std::io;

use proto::ipc::file_name;
use rustix::fs::Mode;

use super::held_dir::HeldDir;

/// The agent reads each file within milliseconds and remembers the last one, so older ones only fill the disk. A paused
/// agent cannot have caused more unread answers than it had requests open, far fewer than this.
const FILES_KEPT: usize = 512;
/// A loaded transcript may take 64 MiB: of such files fewer are kept, but never fewer than [`FILES_KEPT_MIN`].
const BYTES_KEPT: u64 = 128 * 1024 * 1024;
/// Files kept however large they are.
const FILES_KEPT_MIN: usize = 64;
/// Largest file the contract lets the host write, in bytes.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Readable by the sandbox's uid, which need not be ours; the directory above keeps everybody else out.
const MODE: Mode = Mode::from_raw_mode(0o644);

/// Writes the host's mailbox.
#[derive(Debug)]
pub struct MailWriter {
    dir: HeldDir,
    last: u64,
    kept: VecDeque<(u64, u64)>,
    bytes_kept: u64,
    /// Up to where the agent is known to have read.
    read: u64,
}

impl MailWriter {
    /// Begins with sequence 1 in an empty directory.
    pub fn new(dir: HeldDir) -> Self {
        Self {
            dir,
            last: 0,
            kept: VecDeque::new(),
            bytes_kept: 0,
            read: 0,
        }
    }

    /// Writes the next file; on an error the sequence is unchanged and the same message may be tried again.
    ///
    /// # Errors
    /// When the file is larger than the contract allows, or cannot be written.
    pub fn send(&mut self, contents: &[u8]) -> io::Result<u64> {
        if contents.len() > FILE_BYTES_MAX {
            let why = format!(
                "a message of {} bytes is larger than the limit of {FILE_BYTES_MAX}",
                contents.len()
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        let name = file_name(self.last + 1);
        // What cannot be written into is written anew, and so is what broke off: it has another name by then.
        let rewritten = self
            .take_read()
            .is_some_and(|old| self.dir.write_into(&file_name(old), &name, contents).is_ok());
        if !rewritten {
            self.dir.write(&name, contents, MODE)?;
        }
        self.last += 1;
        self.kept.push_back((self.last, contents.len() as u64));
        self.bytes_kept += contents.len() as u64;
        self.forget_old();
        Ok(self.last)
    }

    /// Notes that the agent has read everything up to this one: the files may be written into again.
    pub fn was_read(&mut self, through: u64) {
        self.read = self.read.max(through);
    }

    fn take_read(&mut self) -> Option<u64> {
        let (sequence, bytes) = self.kept.pop_front_if(|(sequence, _)| *sequence <= self.read)?;
        self.bytes_kept -= bytes;
        Some(sequence)
    }

    fn forget_old(&mut self) {
        while self.kept.len() > FILES_KEPT || (self.kept.len() > FILES_KEPT_MIN && self.bytes_kept > BYTES_KEPT) {
            let Some((sequence, bytes)) = self.kept.pop_front() else {
                return;
            };
            self.bytes_kept -= bytes;
            // A file that stays costs disk only; the run's directory goes with the run.
            let _ = rustix::fs::unlinkat(self.dir.as_fd(), file_name(sequence), rustix::fs::AtFlags::empty());
        }
    }
}
