//! Files of messages once they are ours: what they are called, where the agent finds them, what may be shown to the model.

use serde::{Deserialize, Serialize};

use super::{FileKind, IncomingFile};
use crate::outbound::Attachment;

/// Directory in a workspace in which the agent finds files of messages (OP-03).
pub const ATTACHMENTS: &str = "attachments";
/// Longest name of a file, in bytes: with what is put before it stays below the 255 of file systems.
const NAME_BYTES_MAX: usize = 120;
/// Characters of the blob's own name that tell files of one name apart.
const MARK_CHARS: usize = 8;

/// A file that came with a message and was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedFile {
    /// Kind.
    pub kind: FileKind,
    /// The file.
    #[serde(flatten)]
    pub file: Attachment,
}

impl ReceivedFile {
    /// Its name in [`ATTACHMENTS`]: one component, different for each file, the same whenever it is asked for.
    pub fn file_name(&self) -> String {
        let own = self.file.blob.rsplit('/').next().unwrap_or_default();
        let mark: String = own.chars().take(MARK_CHARS).collect();
        format!("{}-{}", plain_name(&mark), plain_name(&self.file.name))
    }

    /// Where the agent finds it, from its workspace.
    pub fn path(&self) -> String {
        format!("{ATTACHMENTS}/{}", self.file_name())
    }

    /// The line by which a text names it.
    pub fn line(&self) -> String {
        format!("[{}: {}]", self.kind.word(), self.path())
    }
}

impl FileKind {
    /// As it is called in a text.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::Voice => "Voice message",
            Self::Audio => "Audio",
            Self::Video => "Video",
            Self::Document => "File",
            Self::Sticker => "Sticker",
        }
    }
}

impl IncomingFile {
    /// The line by which a text names it while it is still on the platform (DC-05, TG-06).
    pub fn line(&self) -> String {
        format!("[{}: {}]", self.kind.word(), self.name)
    }

    /// The line by which a text names one that was not fetched, and why.
    pub fn line_without(&self, reason: &str) -> String {
        format!(
            "[{}: {} (not fetched: {reason})]",
            self.kind.word(),
            plain_name(&self.name)
        )
    }
}

/// A file's name as one harmless component: no path, no control characters, not hidden, not endless. Its extension stays.
pub fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_kept = |character: &char| !character.is_control() && !matches!(character, '[' | ']' | '"' | '<' | '>');
    let kept: String = last.chars().filter(is_kept).collect();
    let kept = kept.trim().trim_start_matches('.');
    if kept.is_empty() {
        return "file".to_owned();
    }
    if kept.len() <= NAME_BYTES_MAX {
        return kept.to_owned();
    }
    let extension = kept.rsplit_once('.').map_or("", |(_, extension)| extension);
    let room = NAME_BYTES_MAX.saturating_sub(extension.len() + 1);
    match room {
        // An "extension" as long as that is none.
        0..=40 => kept[..kept.floor_char_boundary(NAME_BYTES_MAX)].to_owned(),
        _ => format!("{}.{extension}", &kept[..kept.floor_char_boundary(room)]),
    }
}

/// The media type of a picture that the model can look at, told by its first bytes: senders are not believed.
pub fn picture_type(contents: &[u8]) -> Option<&'static str> {
    match contents {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_component_whatever_its_sender_called_it() {
        for (given, plain) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a b.pdf", "a b.pdf"),
            ("..", "file"),
            (".bashrc", "bashrc"),
            ("a\n]\"<b>.txt", "ab.txt"),
            ("", "file"),
        ] {
            assert_eq!(plain_name(given), plain, "{given:?}");
        }
        let long = plain_name(&format!("{}.pdf", "é".repeat(300)));
        assert!(long.len() <= NAME_BYTES_MAX && long.ends_with(".pdf"), "{long}");
        assert!(plain_name(&format!("a.{}", "b".repeat(300))).len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn op_03_a_file_is_found_below_attachments_and_two_of_one_name_are_two_files() {
        let file = |blob: &str| ReceivedFile {
            kind: FileKind::Image,
            file: Attachment {
                name: "photo.jpg".into(),
                media_type: "image/jpeg".into(),
                bytes: 3,
                blob: blob.into(),
            },
        };
        let (first, second) = (
            file("attachments/20261128/0123456789ab"),
            file("attachments/20261128/fedcba987654"),
        );
        assert_eq!(first.line(), "[Image: attachments/01234567-photo.jpg]");
        assert_ne!(first.path(), second.path());
    }

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        assert_eq!(picture_type(b"\x89PNG\r\n"), Some("image/png"));
        assert_eq!(picture_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(picture_type(b"<svg onload=...>"), None);
        assert_eq!(picture_type(b""), None);
    }
}
