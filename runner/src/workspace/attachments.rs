//! Files of messages, into a workspace and out of it. Every step goes through a held descriptor and follows no link: an agent
//! can neither make us write elsewhere nor make us read what lies elsewhere.

use std::ffi::CString;
use std::io;

use proto::ids::GroupId;
use proto::inbound::ATTACHMENTS;

use super::Folders;
use super::files::{make_dir, write_if_absent};
use crate::mailbox::{HeldDir, Refusal, Taken};

/// Where a workspace is in its sandbox: agents name files by it.
const IN_SANDBOX: &str = "/workspace/group/";
/// Deepest path that is followed.
const DEPTH_MAX: usize = 32;

/// Why a file of a workspace cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Unsendable {
    /// It names nothing below the workspace.
    #[error("the path must lead to a file in the workspace (/workspace/group), without \"..\"")]
    Path,
    /// There is none.
    #[error("there is no such file, or its path leads through a link")]
    Absent,
    /// It is no file that may be read.
    #[error("the file is not sent: {0}")]
    Refused(Refusal),
    /// The workspace cannot be opened.
    #[error("the workspace cannot be opened")]
    Workspace(#[source] io::Error),
}

impl Folders {
    /// Puts a file of a message where the agent finds it, unless it is there already. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn put_attachment(&self, group: &GroupId, name: &str, contents: &[u8]) -> io::Result<()> {
        let open = self.open_group(group)?;
        let directory = make_dir(&open.workspace, ATTACHMENTS, self.owner)?;
        write_if_absent(&directory, name, contents, self.owner)?;
        Ok(())
    }

    /// Reads a file of a workspace; its name and contents. Blocks.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn take_file(&self, group: &GroupId, path: &str, bytes_max: u64) -> Result<(String, Vec<u8>), Unsendable> {
        let path = path.strip_prefix(IN_SANDBOX).unwrap_or(path);
        let segments: Vec<&str> = path
            .split('/')
            .filter(|segment| !matches!(*segment, "" | "."))
            .collect();
        let is_plain = !path.starts_with('/') && !segments.contains(&"..") && segments.len() <= DEPTH_MAX;
        let Some((name, directories)) = segments.split_last().filter(|_| is_plain) else {
            return Err(Unsendable::Path);
        };
        let open = self.open_group(group).map_err(Unsendable::Workspace)?;
        let c_name = |segment: &str| CString::new(segment).map_err(|_| Unsendable::Path);
        let mut directory: HeldDir = open.workspace;
        for segment in directories {
            directory = directory.open_dir(&c_name(segment)?).map_err(|_| Unsendable::Absent)?;
        }
        match directory.read(&c_name(name)?, bytes_max) {
            Taken::Contents(contents) => Ok(((*name).to_owned(), contents)),
            Taken::Absent => Err(Unsendable::Absent),
            Taken::Refused(refusal) => Err(Unsendable::Refused(refusal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Owner, effective_uid};

    struct Subject {
        dir: tempfile::TempDir,
        folders: Folders,
        group: GroupId,
    }

    fn subject() -> Subject {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::open(dir.path(), Owner::new(effective_uid(1_000))).unwrap();
        let group = GroupId::parse("g").unwrap();
        folders.put_attachment(&group, "0-a.txt", b"hello").unwrap();
        Subject { dir, folders, group }
    }

    impl Subject {
        fn take(&self, path: &str) -> Result<(String, Vec<u8>), Unsendable> {
            self.folders.take_file(&self.group, path, 10)
        }
    }

    #[test]
    fn what_came_with_a_message_can_be_sent_back() {
        let subject = subject();
        let expected = ("0-a.txt".to_owned(), b"hello".to_vec());
        for path in [
            "attachments/0-a.txt",
            "./attachments//0-a.txt",
            "/workspace/group/attachments/0-a.txt",
        ] {
            assert_eq!(subject.take(path).unwrap(), expected, "{path}");
        }
        subject
            .folders
            .put_attachment(&subject.group, "0-a.txt", b"other")
            .unwrap();
        assert_eq!(
            subject.take("attachments/0-a.txt").unwrap(),
            expected,
            "an agent may have worked on it"
        );
    }

    #[test]
    fn nothing_outside_the_workspace_can_be_sent() {
        let subject = subject();
        let workspace = subject.dir.path().join("groups/g");
        std::fs::write(subject.dir.path().join("secret"), "key").unwrap();
        std::os::unix::fs::symlink("../../secret", workspace.join("link")).unwrap();
        std::os::unix::fs::symlink("../..", workspace.join("up")).unwrap();
        std::fs::write(workspace.join("large"), [0; 11]).unwrap();
        for path in [
            "",
            "/",
            "/etc/passwd",
            "../../secret",
            "attachments/../../../secret",
            "a\0b",
        ] {
            assert!(matches!(subject.take(path), Err(Unsendable::Path)), "{path:?}");
        }
        assert!(matches!(subject.take("link"), Err(Unsendable::Refused(Refusal::Link))));
        assert!(matches!(subject.take("up/secret"), Err(Unsendable::Absent)));
        assert!(matches!(subject.take("none"), Err(Unsendable::Absent)));
        assert!(matches!(subject.take("attachments"), Err(Unsendable::Refused(_))));
        assert!(matches!(
            subject.take("large"),
            Err(Unsendable::Refused(Refusal::TooLarge { .. }))
        ));
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_leads_nobody_astray() {
        let subject = subject();
        let (workspace, outside) = (subject.dir.path().join("groups/g"), subject.dir.path().join("outside"));
        std::fs::create_dir(&outside).unwrap();
        std::fs::remove_dir_all(workspace.join("attachments")).unwrap();
        std::os::unix::fs::symlink(&outside, workspace.join("attachments")).unwrap();
        subject.folders.put_attachment(&subject.group, "b", b"x").unwrap();
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(subject.take("attachments/b").unwrap().1, b"x");
    }
}
