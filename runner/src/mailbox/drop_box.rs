//! A directory into which an agent drops `*.json` files under names of its own choice: NanoClaw's `messages/` and `tasks/`.
//!
//! A pass looks at a bounded number of names and holds the lowest few; the others wait for later passes. When there are more
//! names than it looks at, the others are deleted instead. Each file is deleted as it is taken.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;

use super::held_dir::{HeldDir, Taken};
use super::refusal::{Refusal, Refused};

/// Names looked at by one pass: about 5 ms.
const ENTRIES_MAX: usize = 16_384;
/// Names held between two passes.
const NAMES_MAX: usize = 256;
/// Names that could be neither deleted nor moved and are skipped from then on.
const STUCK_MAX: usize = 256;

/// Reads such a directory.
#[derive(Debug)]
pub struct DropBox {
    dir: HeldDir,
    /// Out of the agent's reach, for directories that cannot be deleted at once.
    attic: HeldDir,
    label: &'static str,
    file_bytes_max: u64,
    waiting: BTreeSet<CString>,
    stuck: BTreeSet<CString>,
    moved: u64,
}

/// A file that was taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Name without `.json`.
    pub stem: String,
    /// Contents, unchecked.
    pub contents: Vec<u8>,
}

impl DropBox {
    /// Reads `dir`; `label` names it in the attic, which is a directory of ours on the same file system.
    pub fn new(dir: HeldDir, attic: HeldDir, label: &'static str, file_bytes_max: u64) -> Self {
        let (waiting, stuck) = (BTreeSet::new(), BTreeSet::new());
        Self {
            dir,
            attic,
            label,
            file_bytes_max,
            waiting,
            stuck,
            moved: 0,
        }
    }

    /// Takes the next file, by name among those seen by one pass.
    pub fn take(&mut self) -> Option<Result<Dropped, Refused>> {
        if self.waiting.is_empty()
            && let Some(refused) = self.look().unwrap_or_else(|error| Some(unreadable(self.label, &error)))
        {
            return Some(Err(refused));
        }
        while let Some(name) = self.waiting.pop_first() {
            let taken = self.dir.read(&name, self.file_bytes_max);
            if taken == Taken::Absent {
                continue;
            }
            self.clear_away(&name);
            return Some(match (taken, stem(&name)) {
                (Taken::Refused(reason), _) => Err(Refused::new(name.to_bytes(), reason)),
                (Taken::Contents(contents), Some(stem)) => Ok(Dropped { stem, contents }),
                (Taken::Contents(_) | Taken::Absent, _) => Err(Refused::new(name.to_bytes(), Refusal::Name)),
            });
        }
        None
    }

    fn look(&mut self) -> io::Result<Option<Refused>> {
        let (waiting, stuck) = (&mut self.waiting, &self.stuck);
        let (mut junk, mut surplus) = (Vec::new(), Vec::new());
        let all = self.dir.for_each_name(ENTRIES_MAX, |name| {
            if stuck.contains(name) {
            } else if name.to_bytes().ends_with(b".tmp") {
                surplus.push(name.to_owned());
            } else if name.to_bytes().ends_with(b".json") {
                waiting.insert(name.to_owned());
                if waiting.len() > NAMES_MAX {
                    surplus.extend(waiting.pop_last());
                }
            } else {
                junk.push(name.to_owned());
            }
        })?;
        let reason = if all {
            Refusal::Name
        } else {
            Refusal::Flood(ENTRIES_MAX)
        };
        if !all {
            // Files in such a number are no agent at work: half written ones would hide what is finished, and finished ones
            // fill the host's disk faster than they are read.
            junk.append(&mut surplus);
        }
        for name in &junk {
            self.clear_away(name);
        }
        Ok(junk.first().map(|name| Refused::new(name.to_bytes(), reason)))
    }

    fn clear_away(&mut self, name: &CStr) {
        if self.dir.discard(name).is_ok() {
            return;
        }
        self.moved += 1;
        let moved = self
            .dir
            .move_to(name, &self.attic, &format!("{}-{}", self.label, self.moved));
        if moved.is_err() && self.stuck.len() < STUCK_MAX {
            self.stuck.insert(name.to_owned());
        }
    }
}

fn stem(name: &CStr) -> Option<String> {
    name.to_str().ok()?.strip_suffix(".json").map(str::to_owned)
}

fn unreadable(label: &str, error: &io::Error) -> Refused {
    Refused::new(label.as_bytes(), Refusal::Unreadable(error.kind()))
}
