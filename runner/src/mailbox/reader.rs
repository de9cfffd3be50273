//! The agent's mailbox: files in sequence, taken by name.
//!
//! The next file is opened by its name, so a flood of other files costs nothing; only the sweep lists the directory, and
//! only so far. Each file is taken out of the way, to be written into again, and its number never asked for again: exactly once,
//! in order.

use std::ffi::{CStr, CString};
use std::io;

use proto::ipc::{AGENT_FILE_BYTES_MAX, SPARE, file_name, parse_file_name};

use super::held_dir::{HeldDir, Taken};
use super::refusal::{Refusal, Refused};

/// Entries looked at by one sweep, about 5 ms: more than what [`AHEAD_MAX`] lets stay, messages and unfinished ones
/// together, so that these never hide the rest.
const SWEEP_ENTRIES_MAX: usize = 16_384;
/// How far ahead of the next message one may be. No agent at work has so many unread: it waits for its answers and is held to
/// some twenty other messages per second. With it the host's disk holds only so many files, whoever writes them.
const AHEAD_MAX: u64 = 4_096;

/// Reads the agent's mailbox.
#[derive(Debug)]
pub struct MailReader {
    dir: HeldDir,
    /// Out of the agent's reach, for directories that cannot be deleted at once.
    attic: HeldDir,
    next: u64,
    /// A sequence seen by the last sweep although the ones before it were missing.
    ahead: Option<u64>,
    moved: u64,
}

impl MailReader {
    /// Begins with sequence 1. `attic` is a directory of ours on the same file system.
    pub fn new(dir: HeldDir, attic: HeldDir) -> Self {
        Self {
            dir,
            attic,
            next: 1,
            ahead: None,
            moved: 0,
        }
    }

    /// Takes the next message, if it is there. A refused one is skipped.
    pub fn take(&mut self) -> Option<Result<Vec<u8>, Refused>> {
        let name = CString::new(file_name(self.next)).expect("digits hold no NUL");
        let taken = match self.dir.read(&name, AGENT_FILE_BYTES_MAX) {
            Taken::Absent => return None,
            Taken::Contents(contents) => Ok(contents),
            Taken::Refused(reason) => Err(Refused::new(name.to_bytes(), reason)),
        };
        self.next += 1;
        if taken.is_err() || self.dir.rename(&name, SPARE).is_err() {
            self.clear_away(&name);
        }
        Some(taken)
    }

    /// Looks for what `take` does not see: names that are no messages, messages behind a gap, and more files than may wait.
    /// Bounded; a directory with more entries is worked off over several sweeps. However much is deleted, it is told once.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn sweep(&mut self) -> io::Result<Option<Refused>> {
        let (mut junk, mut lowest, next) = (Vec::new(), None, self.next);
        let spare_fits = self.dir.has_file(SPARE, AGENT_FILE_BYTES_MAX);
        let all = self
            .dir
            .for_each_name(SWEEP_ENTRIES_MAX, |name| match classify(name, next) {
                Entry::Spare if spare_fits => {}
                Entry::Spare => junk.push((name.to_owned(), Refusal::Name)),
                Entry::Message(sequence) => lowest = Some(lowest.map_or(sequence, |known: u64| known.min(sequence))),
                Entry::BeingWritten => {}
                Entry::TooFarAhead => junk.push((name.to_owned(), Refusal::Ahead(AHEAD_MAX))),
                Entry::Junk => junk.push((name.to_owned(), Refusal::Name)),
            })?;
        let first = junk.first().map(|(name, reason)| {
            let reason = if all {
                reason.clone()
            } else {
                Refusal::Flood(SWEEP_ENTRIES_MAX)
            };
            Refused::new(name.to_bytes(), reason)
        });
        for (name, _) in &junk {
            self.clear_away(name);
        }
        Ok(first.or_else(|| self.close_gap(lowest)))
    }

    /// A gap must be seen by two sweeps: the first may have listed the directory while the file before was being renamed.
    fn close_gap(&mut self, lowest: Option<u64>) -> Option<Refused> {
        let ahead = lowest.filter(|sequence| *sequence > self.next);
        let confirmed = ahead.filter(|sequence| self.ahead == Some(*sequence));
        self.ahead = ahead;
        let sequence = confirmed?;
        self.next = sequence;
        self.ahead = None;
        Some(Refused::new(file_name(sequence).as_bytes(), Refusal::Gap))
    }

    /// What can be neither deleted nor moved is left: it is never asked for again.
    fn clear_away(&mut self, name: &CStr) {
        if self.dir.discard(name).is_err() {
            self.moved += 1;
            let _ = self.dir.move_to(name, &self.attic, &format!("mail-{}", self.moved));
        }
    }
}

enum Entry {
    Message(u64),
    BeingWritten,
    Spare,
    TooFarAhead,
    Junk,
}

fn classify(name: &CStr, next: u64) -> Entry {
    let Ok(name) = name.to_str() else { return Entry::Junk };
    if name == SPARE {
        return Entry::Spare;
    }
    let unfinished = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
    match parse_file_name(unfinished.unwrap_or(name)) {
        Some(sequence) if sequence >= next.saturating_add(AHEAD_MAX) => Entry::TooFarAhead,
        Some(sequence) if sequence >= next && unfinished.is_some() => Entry::BeingWritten,
        Some(sequence) if sequence >= next => Entry::Message(sequence),
        Some(_) | None => Entry::Junk,
    }
}
