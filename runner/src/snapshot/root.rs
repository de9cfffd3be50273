//! The directories a snapshot is made of.

use std::path::PathBuf;

use proto::snapshot::TreePath;

use crate::workspace::GroupFolders;

/// Names of the roots; they are in every manifest, so they never change.
const WORKSPACE: &str = "workspace";
const CLAUDE: &str = "claude";

/// Left out of `.claude`: transcripts travel in the database, credentials never travel, the rest is of one run or one host.
const CLAUDE_EXCLUDED: [Exclude; 12] = [
    Exclude::Below("projects", ".jsonl"),
    Exclude::Below("projects", ".jsonl.tmp"),
    Exclude::Path(".credentials.json"),
    Exclude::Path("cache"),
    Exclude::Path("debug"),
    Exclude::Path("ide"),
    Exclude::Path("logs"),
    Exclude::Path("session-env"),
    Exclude::Path("sessions"),
    Exclude::Path("shell-snapshots"),
    Exclude::Path("statsig"),
    Exclude::Path("telemetry"),
];

/// One directory with its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name in the manifest: the same on every host.
    pub name: &'static str,
    /// Where it is on this host, free of links; its parent must not be writable for an agent.
    pub path: PathBuf,
    /// What is left out, and left alone by a restore.
    pub excluded: &'static [Exclude],
}

/// What is left out of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclude {
    /// This path with everything in it.
    Path(&'static str),
    /// Files below this directory whose names end so.
    Below(&'static str, &'static str),
}

impl Root {
    /// What follows a group: its workspace and its `.claude`.
    pub fn of_group(folders: &GroupFolders) -> Vec<Self> {
        let workspace = Self {
            name: WORKSPACE,
            path: folders.workspace.clone(),
            excluded: &[],
        };
        let claude = Self {
            name: CLAUDE,
            path: folders.claude.clone(),
            excluded: &CLAUDE_EXCLUDED,
        };
        vec![claude, workspace]
    }

    /// Its path in a manifest.
    pub(super) fn tree_path(&self) -> TreePath {
        TreePath::parse(self.name.as_bytes()).expect("a constant that is a single name")
    }

    /// Whether a path below the root is left out.
    pub(super) fn excludes(&self, below: &[u8]) -> bool {
        self.excluded.iter().any(|exclude| match exclude {
            Exclude::Path(path) => below == path.as_bytes(),
            Exclude::Below(dir, suffix) => {
                let inside = below
                    .strip_prefix(dir.as_bytes())
                    .and_then(|rest| rest.strip_prefix(b"/"));
                inside.is_some_and(|rest| rest.ends_with(suffix.as_bytes()))
            }
        })
    }
}
