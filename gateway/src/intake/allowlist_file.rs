//! The sender allowlist's file, read on every use (SA-01), so that an edit holds from the next message on.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use proto::sender_allowlist::{OnInvalid, SenderAllowlist};

/// Largest file taken: some ten thousand senders. A larger one is not an allowlist.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The file, and what was last read from it.
#[derive(Debug)]
pub struct AllowlistFile {
    path: PathBuf,
    on_invalid: OnInvalid,
    last: Mutex<Option<(Content, Arc<SenderAllowlist>)>>,
}

/// What is at the path; compared, so that warnings come once per change and parsing is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Missing,
    Text(String),
    Unusable(String),
}

impl AllowlistFile {
    /// A file that need not exist.
    pub fn new(path: PathBuf, on_invalid: OnInvalid) -> Self {
        Self {
            path,
            on_invalid,
            last: Mutex::new(None),
        }
    }

    /// The list as the file says now.
    pub async fn read(&self) -> Arc<SenderAllowlist> {
        let content = self.content().await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, list)) = last.as_ref()
            && *same == content
        {
            return Arc::clone(list);
        }
        let (list, warnings) = match &content {
            Content::Missing => (SenderAllowlist::allow_everybody(), Vec::new()),
            Content::Text(text) => SenderAllowlist::parse(text, self.on_invalid),
            // An empty text is no valid list either: what `on_invalid` says holds.
            Content::Unusable(reason) => (SenderAllowlist::parse("", self.on_invalid).0, vec![reason.clone()]),
        };
        for warning in warnings {
            tracing::warn!(path = %self.path.display(), reason = warning, "sender allowlist");
        }
        let list = Arc::new(list);
        *last = Some((content, Arc::clone(&list)));
        list
    }

    async fn content(&self) -> Content {
        let path = self.path.clone();
        // One hop to a thread that may block, for all steps: this is done for every message.
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            // One byte more than allowed tells a file at the limit from one beyond it.
            let mut file = std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1);
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        let read = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Missing,
            Err(error) => Content::Unusable(format!("cannot be read: {error}")),
            Ok(bytes) if bytes.len() as u64 > FILE_BYTES_MAX => {
                Content::Unusable(format!("is larger than {FILE_BYTES_MAX} bytes"))
            }
            Ok(bytes) => String::from_utf8(bytes)
                .map_or_else(|_| Content::Unusable("is not UTF-8 text".to_owned()), Content::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ids::ChatId;

    fn allows(list: &SenderAllowlist, sender: &str) -> bool {
        list.rule_for(&ChatId::new("tg:1")).allows(sender)
    }

    #[tokio::test]
    async fn sa_01_an_edit_holds_from_the_next_use_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("allow.json");
        let file = AllowlistFile::new(path.clone(), OnInvalid::DropEverybody);
        assert!(allows(&*file.read().await, "anybody"), "no file: everybody");
        std::fs::write(&path, r#"{"default":{"allow":["a"],"mode":"drop"}}"#).unwrap();
        assert!(!allows(&*file.read().await, "b"));
        // Same length, perhaps the same time of change.
        std::fs::write(&path, r#"{"default":{"allow":["b"],"mode":"drop"}}"#).unwrap();
        assert!(allows(&*file.read().await, "b"));
        std::fs::remove_file(&path).unwrap();
        assert!(allows(&*file.read().await, "anybody"));
    }

    #[tokio::test]
    async fn sa_02_what_cannot_be_read_opens_or_closes_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let not_text = dir.path().join("bytes");
        std::fs::write(&not_text, [0xff, 0xfe]).unwrap();
        let too_large = dir.path().join("large");
        std::fs::write(&too_large, vec![b' '; 1024 * 1024 + 1]).unwrap();
        for path in [dir.path().to_owned(), not_text, too_large] {
            let open = AllowlistFile::new(path.clone(), OnInvalid::AllowEverybody);
            assert!(allows(&*open.read().await, "a"), "{}", path.display());
            let closed = AllowlistFile::new(path.clone(), OnInvalid::DropEverybody);
            assert!(!allows(&*closed.read().await, "a"), "{}", path.display());
        }
    }
}
