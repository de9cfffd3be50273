//! What has been shown of a chat, remembered beside the socket, so that a reply is shown once over restarts of client
//! and node.
//!
//! The order is: show, flush, remember, acknowledge. Deliveries of a chat come one at a time, so only the last one shown
//! can come again after a crash, and the file holds just that. A client that lives on knows some more. Residue: a process that dies between the flush and the
//! rename shows that one reply twice; the other order would lose it instead.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gateway::channel::cli::wire::ReplyEvent;
use proto::ids::{GroupId, OutboxId};
use serde::{Deserialize, Serialize};

/// Directory in the data directory with what belongs to the local chat.
pub(super) const CHAT_DIR: &str = "chat";

/// The last reply shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    seq: i64,
    id: OutboxId,
}

/// Replies a living client knows: more than can come twice when a stream is opened again.
const RECENT_MAX: usize = 256;

/// What has been shown in one chat.
#[derive(Debug)]
pub(super) struct Shown {
    path: PathBuf,
    last: Option<Last>,
    recent: VecDeque<OutboxId>,
}

impl Shown {
    /// Reads what earlier clients of this chat remembered.
    pub(super) fn read(data_dir: &Path, group: &GroupId) -> Self {
        let path = data_dir.join(CHAT_DIR).join(format!("{group}.shown"));
        // A file that is missing or damaged costs at most one repeated reply.
        let last = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let recent = last.iter().map(|last: &Last| last.id).collect();
        Self { path, last, recent }
    }

    /// Position after which replies are wanted.
    pub(super) fn after(&self) -> Option<i64> {
        self.last.map(|last| last.seq)
    }

    /// Whether this reply has been shown.
    pub(super) fn contains(&self, reply: &ReplyEvent) -> bool {
        // The id decides, since positions begin anew with a new database.
        self.recent.contains(&reply.id)
    }

    /// Remembers that it has been shown.
    pub(super) fn add(&mut self, reply: &ReplyEvent) -> io::Result<()> {
        let last = Last {
            seq: reply.seq,
            id: reply.id,
        };
        self.last = Some(last);
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(reply.id);
        let dir = self.path.parent().expect("made of a directory and a name");
        fs::create_dir_all(dir)?;
        // Two clients of one chat write the same things; the name keeps their halves apart.
        let temporary = self.path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(
            &temporary,
            serde_json::to_vec(&last).expect("plain data with text keys"),
        )?;
        fs::rename(&temporary, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(seq: i64, id: &str) -> ReplyEvent {
        ReplyEvent {
            seq,
            id: id.parse().expect("an id"),
            text: "hi".into(),
            sender: None,
        }
    }

    #[test]
    fn the_last_reply_shown_is_known_to_the_next_client() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let group = GroupId::parse("main").expect("a name");
        let one = reply(1, "019b0000-0000-7000-8000-000000000001");
        let other = reply(1, "019b0000-0000-7000-8000-000000000002");
        let mut shown = Shown::read(dir.path(), &group);
        assert!(!shown.contains(&one) && shown.after().is_none());
        shown.add(&one).expect("writable");
        let next = Shown::read(dir.path(), &group);
        assert!(next.contains(&one));
        assert_eq!(next.after(), Some(1));
        assert!(!next.contains(&other), "a new database begins anew with its positions");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let group = GroupId::parse("main").expect("a name");
        fs::create_dir(dir.path().join(CHAT_DIR)).expect("a directory");
        fs::write(dir.path().join("chat/main.shown"), "{").expect("a file");
        assert!(Shown::read(dir.path(), &group).after().is_none());
    }
}
