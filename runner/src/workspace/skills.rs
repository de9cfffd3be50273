//! Skills: directories of ours and of the operator's, put into each group's `.claude/skills` at every start (CR-10).
//!
//! What we put there is written down where the agent cannot reach it, so that a skill that is gone upstream goes from the
//! group as well (CR-D9), and a skill the agent made itself stays.

use std::ffi::CString;
use std::io;
use std::path::{Component, Path};

use proto::ids::GroupId;

use super::Owner;
use super::files::{make_dir, replace};
use crate::mailbox::{HeldDir, Taken, remove_tree};

/// Name of the list of skills we put there.
const MANIFEST: &str = "skills.json";
/// Largest list read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// Files of one skill; a directory put here by mistake must not be copied at every start.
const FILES_MAX: usize = 1_000;
/// Largest file of a skill, in bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Directories inside one another in a skill.
const DEPTH_MAX: usize = 8;

/// One skill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skill {
    /// Its directory's name.
    pub name: String,
    /// Its files: path inside the directory, contents.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Skill {
    /// The skills that come with the program.
    pub fn bundled() -> Vec<Self> {
        let text = include_bytes!("../../../container/skills/clawhold/SKILL.md");
        vec![Self {
            name: "clawhold".to_owned(),
            files: vec![("SKILL.md".to_owned(), text.to_vec())],
        }]
    }

    /// Reads every directory in `dir` as a skill, in order of name; no directory, no skills. Blocks.
    ///
    /// # Errors
    /// When a skill cannot be read or is beyond all measure; the error names it.
    pub fn read_all(dir: &Path) -> io::Result<Vec<Self>> {
        let entries = match dir.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut skills = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let Some(name) = path
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|name| !name.starts_with('.'))
            else {
                continue;
            };
            if path.is_dir() {
                let mut files = Vec::new();
                read_files(&path, "", 0, &mut files)
                    .map_err(|error| io::Error::new(error.kind(), format!("skill {}: {error}", path.display())))?;
                files.sort();
                skills.push(Self {
                    name: name.to_owned(),
                    files,
                });
            }
        }
        skills.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(skills)
    }
}

fn read_files(dir: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let refuse = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    if depth > DEPTH_MAX {
        return refuse(format!("more than {DEPTH_MAX} directories inside one another"));
    }
    for entry in dir.read_dir()? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return refuse(format!("{} is not valid UTF-8", path.display()));
        };
        let inner = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        let kind = path.metadata()?;
        if kind.is_dir() {
            read_files(&path, &inner, depth + 1, files)?;
        } else if kind.is_file() {
            if files.len() == FILES_MAX || kind.len() > FILE_BYTES_MAX {
                return refuse(format!(
                    "more than {FILES_MAX} files, or {inner} has more than {FILE_BYTES_MAX} bytes"
                ));
            }
            files.push((inner, std::fs::read(&path)?));
        }
    }
    Ok(())
}

/// Puts the skills into `claude` and removes those that were put there before and are no more. A later skill of the same
/// name replaces an earlier one.
pub(super) fn put(
    group: &GroupId,
    session: &HeldDir,
    claude: &HeldDir,
    skills: &[Skill],
    owner: Owner,
) -> io::Result<()> {
    let known = put_before(session);
    let names: Vec<&str> = skills.iter().map(|skill| skill.name.as_str()).collect();
    let target = make_dir(claude, "skills", owner)?;
    for gone in known.iter().filter(|name| !names.contains(&name.as_str())) {
        remove_tree(&target, &CString::new(gone.as_str())?)?;
        tracing::info!(group.id = %group, skill = gone, "skill removed, it no longer exists upstream");
    }
    // Written down first: a crash in between leaves a name too many, not a skill that stays for ever.
    let ours = Owner::new(rustix::process::geteuid().as_raw());
    replace(session, MANIFEST, serde_json::json!(names).to_string().as_bytes(), ours)?;
    for (index, skill) in skills.iter().enumerate() {
        if names[index + 1..].contains(&skill.name.as_str()) {
            continue;
        }
        let dir = make_dir(&target, &skill.name, owner)?;
        for (path, contents) in &skill.files {
            put_file(&dir, path, contents, owner)?;
        }
    }
    Ok(())
}

fn put_file(dir: &HeldDir, path: &str, contents: &[u8], owner: Owner) -> io::Result<()> {
    match path.split_once('/') {
        Some((inner, rest)) => put_file(&make_dir(dir, inner, owner)?, rest, contents, owner),
        None => replace(dir, path, contents, owner),
    }
}

/// Names of what was put there before. An unreadable list costs stale skills, nothing else.
fn put_before(session: &HeldDir) -> Vec<String> {
    let name = CString::new(MANIFEST).expect("a constant without NUL");
    let names: Vec<String> = match session.read(&name, MANIFEST_BYTES_MAX) {
        Taken::Contents(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Taken::Absent | Taken::Refused(_) => Vec::new(),
    };
    let single = |name: &String| {
        matches!(
            Path::new(name).components().collect::<Vec<_>>()[..],
            [Component::Normal(_)]
        )
    };
    names.into_iter().filter(single).collect()
}
