//! A file that declares tasks:
//!
//! ```yaml
//! tasks:
//!   - name: standup
//!     group: team
//!     schedule: "0 9 * * 1-5"      # or: every 15m, or: at 2027-02-01T15:30
//!     timezone: Europe/Berlin
//!     prompt: Ask everybody what they are working on.
//! ```
//!
//! Everything but the first three and `prompt` may be left out. A misspelt field is an error, not a default.

use std::fmt;
use std::path::{Path, PathBuf};

use gateway::api::wire::tasks::DeclaredTask;
use proto::ids::{ChatId, GroupId};
use proto::schedule::Schedule;
use proto::task::{ContextMode, Misfire, Overlap, TaskFields, TaskId};
use serde::Deserialize;

use super::args::span;

/// Largest file read: a thousand tasks with long prompts.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A task of a file, and where it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) task: DeclaredTask,
}

/// Where a task stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    file: PathBuf,
    number: usize,
    name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: task {} ({})", self.file.display(), self.number, self.name)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tasks: Vec<FileTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTask {
    name: String,
    group: String,
    schedule: String,
    prompt: String,
    #[serde(default)]
    chat: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    context: Option<ContextMode>,
    #[serde(default)]
    check: Option<String>,
    #[serde(default)]
    misfire: Option<Misfire>,
    #[serde(default)]
    max_lateness: Option<String>,
    #[serde(default)]
    overlap: Option<Overlap>,
    #[serde(default)]
    pause_after: Option<u32>,
    #[serde(default)]
    paused: Option<bool>,
}

/// Reads files: their tasks, and all that is wrong with them.
pub(super) fn read_all(files: &[PathBuf]) -> (Vec<Entry>, Vec<String>) {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match read(file) {
            Ok(text) => {
                for entry in parse(file, &text) {
                    match entry {
                        Ok(entry) => entries.push(entry),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    (entries, problems)
}

/// The name that a field of [`TaskFields`] has in a file.
pub(super) fn field_name(field: &str) -> &str {
    match field {
        "schedule_type" | "schedule_value" => "schedule",
        "check_script" => "check",
        "context_mode" => "context",
        other => other,
    }
}

fn read(file: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let bytes = std::fs::metadata(file).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!(
            "{}: it has {bytes} bytes, more than {FILE_BYTES_MAX}: put long instructions into files of the workspace",
            file.display()
        ));
    }
    std::fs::read_to_string(file).map_err(failed)
}

fn parse(file: &Path, text: &str) -> Vec<Result<Entry, String>> {
    match serde_saphyr::from_str::<File>(text) {
        Ok(parsed) => {
            let tasks = parsed.tasks.into_iter().enumerate();
            tasks.map(|(index, task)| entry(file, index + 1, task)).collect()
        }
        Err(error) => vec![Err(format!("{}: {error}{}", file.display(), hint(text)))],
    }
}

/// To YAML, `*` begins a reference and `@` nothing at all, but both begin schedules.
fn hint(text: &str) -> &'static str {
    let bare = |line: &str| {
        let value = line
            .trim_start()
            .trim_start_matches("- ")
            .strip_prefix("schedule:")
            .map(str::trim_start);
        value.is_some_and(|value| value.starts_with(['*', '@']))
    };
    if text.lines().any(bare) {
        "\n(a schedule that begins with * or @ must stand in quotes, as in schedule: \"*/5 * * * *\")"
    } else {
        ""
    }
}

fn entry(file: &Path, number: usize, task: FileTask) -> Result<Entry, String> {
    let place = Place {
        file: file.to_owned(),
        number,
        name: task.name.chars().take(80).collect(),
    };
    match declared(task) {
        Ok(task) => Ok(Entry { place, task }),
        Err((field, why)) => Err(format!("{place}: {field}: {why}")),
    }
}

fn declared(task: FileTask) -> Result<DeclaredTask, (&'static str, String)> {
    let (kind, value) = Schedule::split_words(&task.schedule).map_err(|error| ("schedule", error.to_string()))?;
    // Checked here already, so that all that is wrong with a file is said at once.
    Schedule::parse(kind, &value).map_err(|error| ("schedule", error.to_string()))?;
    let max_lateness = task.max_lateness.as_deref().map(span).transpose();
    Ok(DeclaredTask {
        name: TaskId::parse(&task.name).map_err(|error| ("name", error.to_string()))?,
        group: GroupId::parse(&task.group).map_err(|error| ("group", error.to_string()))?,
        chat: task.chat.map(ChatId::new),
        paused: task.paused,
        fields: TaskFields {
            prompt: Some(task.prompt),
            schedule_type: Some(kind.as_str().to_owned()),
            schedule_value: Some(value),
            timezone: task.timezone,
            context_mode: task.context,
            check_script: task.check,
            misfire: task.misfire,
            max_lateness_ms: max_lateness.map_err(|why| ("max_lateness", why))?,
            overlap: task.overlap,
            pause_after: task.pause_after,
        },
    })
}

#[cfg(test)]
mod tests;
