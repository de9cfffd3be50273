//! Where things lie below the data directory. `groups/` has NanoClaw's layout, so its directories can be used as they are.
//!
//! ```text
//! groups/<group>/            the group's workspace
//! groups/global/             memory shared by all groups
//! sessions/<group>/.claude/  the agent's home directory of Claude: settings, skills, sessions
//! sessions/<group>/skills.json   which skills we put there; out of the agent's reach
//! skills/<name>/             the operator's own skills
//! view/                      what main sees of the installation
//! lib/                       small files of ours that are mounted into sandboxes
//! ```

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use proto::ids::GroupId;

use super::Owner;
use super::files::{make_dir, replace};
use super::forwarder::{FORWARDER, FORWARDER_NAME};
use crate::mailbox::{HeldDir, remove_tree};
use crate::mounts::Shadows;

const EMPTY_FILE: &str = "empty";
const EMPTY_DIR: &str = "empty.d";

/// The layout, opened once.
#[derive(Clone, Debug)]
pub struct Folders {
    data_dir: PathBuf,
    pub(super) owner: Owner,
}

/// The directories of one group; all exist and are free of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFolders {
    /// Its workspace.
    pub workspace: PathBuf,
    /// Its `.claude`.
    pub claude: PathBuf,
    /// Memory of all groups, if there is any.
    pub global: Option<PathBuf>,
}

impl Folders {
    /// Makes the layout and writes our own small files. Blocks.
    ///
    /// # Errors
    /// When something cannot be made.
    pub fn open(data_dir: &Path, owner: Owner) -> io::Result<Self> {
        std::fs::create_dir_all(data_dir)?;
        // What is mounted must be free of links, so the operator's own are resolved here.
        let data_dir = data_dir.canonicalize()?;
        let ours = Owner::new(rustix::process::geteuid().as_raw());
        let held = HeldDir::open(&data_dir)?;
        for name in ["groups", "skills"] {
            // The operator may have put a link here, to directories of NanoClaw for example.
            std::fs::create_dir_all(data_dir.join(name))?;
        }
        for name in ["sessions", "view"] {
            make_dir(&held, name, ours)?;
        }
        let lib = make_dir(&held, "lib", ours)?;
        replace(&lib, FORWARDER_NAME, FORWARDER, ours)?;
        replace(&lib, EMPTY_FILE, b"", ours)?;
        make_dir(&lib, EMPTY_DIR, ours)?;
        Ok(Self { data_dir, owner })
    }

    /// The data directory, free of links.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The forwarder, to be mounted.
    pub fn forwarder(&self) -> PathBuf {
        self.data_dir.join("lib").join(FORWARDER_NAME)
    }

    /// Main's view of the installation, to be mounted.
    pub fn view(&self) -> PathBuf {
        self.data_dir.join("view")
    }

    /// The operator's own skills.
    pub fn skills(&self) -> PathBuf {
        self.data_dir.join("skills")
    }

    /// What covers credential files in extra mounts.
    pub fn shadows(&self) -> Shadows {
        let lib = self.data_dir.join("lib");
        Shadows {
            empty_file: lib.join(EMPTY_FILE),
            empty_dir: lib.join(EMPTY_DIR),
        }
    }

    /// Removes the directories of a group with all that is in them. A link in place of one stays with what it leads to: the operator
    /// put it there. Blocks; no sandbox of the group runs.
    ///
    /// # Errors
    /// The first thing that cannot be removed.
    pub fn remove(&self, group: &GroupId) -> io::Result<()> {
        let name = CString::new(group.as_str())?;
        for parent in ["groups", "sessions"] {
            let parent = self.data_dir.join(parent).canonicalize()?;
            match parent.join(group.as_str()).symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                found => {
                    if found?.is_dir() {
                        remove_tree(&HeldDir::open(&parent)?, &name)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens the directories of a group, making what is missing.
    pub(super) fn open_group(&self, group: &GroupId) -> io::Result<OpenGroup> {
        // A name is one component by its type, and neither of these parents can be written by an agent.
        let groups = self.data_dir.join("groups").canonicalize()?;
        let sessions = self.data_dir.join("sessions");
        let workspace_path = groups.join(group.as_str());
        let workspace = match workspace_path.canonicalize() {
            Ok(resolved) => HeldDir::open(&resolved)?,
            Err(_) => make_dir(&HeldDir::open(&groups)?, group.as_str(), self.owner)?,
        };
        let ours = Owner::new(rustix::process::geteuid().as_raw());
        let session = make_dir(&HeldDir::open(&sessions)?, group.as_str(), ours)?;
        let claude = make_dir(&session, ".claude", self.owner)?;
        let paths = GroupFolders {
            workspace: workspace_path.canonicalize()?,
            claude: sessions.join(group.as_str()).join(".claude"),
            global: groups.join("global").canonicalize().ok().filter(|path| path.is_dir()),
        };
        Ok(OpenGroup {
            paths,
            workspace,
            session,
            claude,
        })
    }
}

/// The directories of one group, held.
pub(super) struct OpenGroup {
    pub(super) paths: GroupFolders,
    pub(super) workspace: HeldDir,
    pub(super) session: HeldDir,
    pub(super) claude: HeldDir,
}
