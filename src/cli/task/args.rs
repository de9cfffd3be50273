//! The arguments of `clawhold task`, and the fields of a task they mean.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, parse_span};
use proto::task::{ContextMode, Misfire, Overlap, TaskFields, TaskId};

/// Schedules, lists and changes tasks.
#[derive(Args, Debug)]
pub(crate) struct TaskArgs {
    #[command(subcommand)]
    pub(super) command: TaskCommand,
    /// Prints JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Configuration file of the node [default: clawhold.toml, if there is one].
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// Lists the tasks and when they run next.
    List {
        /// Those of this group.
        #[arg(long)]
        group: Option<GroupId>,
        /// Also those that are completed.
        #[arg(long)]
        all: bool,
    },
    /// Shows a task in full, with its next runs.
    Show {
        /// The task.
        id: String,
    },
    /// Adds a task.
    Add {
        /// Its name: 1 to 64 letters, digits, '-' or '_' [default: a fresh one].
        id: Option<TaskId>,
        /// Group it works for.
        #[arg(long)]
        group: GroupId,
        /// Chat its answers go to [default: the group's one chat on a platform, else its local chat].
        #[arg(long, value_parser = chat)]
        chat: Option<ChatId>,
        /// Adds it paused.
        #[arg(long)]
        paused: bool,
        #[command(flatten)]
        options: Box<TaskOptions>,
    },
    /// Changes a task; what is not named stays.
    Edit {
        /// The task.
        id: String,
        /// Chat its answers go to.
        #[arg(long, value_parser = chat)]
        chat: Option<ChatId>,
        #[command(flatten)]
        options: Box<TaskOptions>,
    },
    /// Lets a task rest.
    Pause {
        /// The task.
        id: String,
    },
    /// Lets it go on, from its next time on.
    Resume {
        /// The task.
        id: String,
    },
    /// Removes a task; its history stays for a while.
    Cancel {
        /// The task.
        id: String,
    },
    /// Runs a task once, now; its schedule stays as it is.
    RunNow {
        /// The task.
        id: String,
    },
    /// Shows what came of runs, the latest first.
    History {
        /// Those of this task.
        id: Option<TaskId>,
        /// Those of this group's tasks.
        #[arg(long)]
        group: Option<GroupId>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Makes the tasks what files declare; doing it again changes nothing.
    Apply {
        /// Files that declare tasks, all of those that should be there.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Shows what would be done, and does nothing.
        #[arg(long)]
        dry_run: bool,
        /// Removes tasks that an earlier file brought and none of these declares.
        #[arg(long)]
        prune: bool,
    },
}

/// What can be said of a task.
#[derive(Args, Debug, Default)]
pub(super) struct TaskOptions {
    /// When it runs: `every 15m`, `at 2027-02-01T15:30`, or a cron line such as `0 9 * * 1-5`.
    #[arg(long)]
    schedule: Option<String>,
    /// What the agent should do; `-` reads it from standard input.
    #[arg(long)]
    prompt: Option<String>,
    /// IANA zone of its local times [default: the group's, else the node's].
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Runs in the group's conversation, or in a fresh one.
    #[arg(long)]
    context: Option<InContext>,
    /// Bash script that decides in the sandbox whether the model is woken; empty: none.
    #[arg(long, value_name = "SCRIPT")]
    check: Option<String>,
    /// What becomes of times that passed while nothing ran.
    #[arg(long)]
    misfire: Option<OnMisfire>,
    /// Lateness beyond which a time is never made up for, as in `10m`; `0s`: no limit.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    max_lateness: Option<u64>,
    /// What becomes of a time that comes while an earlier run is unfinished.
    #[arg(long)]
    overlap: Option<OnOverlap>,
    /// Failures in a row after which it is paused; 0: never.
    #[arg(long, value_name = "N")]
    pause_after: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum InContext {
    Group,
    Isolated,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnMisfire {
    One,
    All,
    Skip,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnOverlap {
    Queue,
    Skip,
}

impl TaskOptions {
    pub(super) fn fields(&self) -> anyhow::Result<TaskFields> {
        let (kind, value) = self.schedule.as_deref().map(Schedule::split_words).transpose()?.unzip();
        Ok(TaskFields {
            prompt: self.prompt()?,
            schedule_type: kind.map(|kind| kind.as_str().to_owned()),
            schedule_value: value,
            timezone: self.timezone.clone(),
            context_mode: self.context.map(|context| match context {
                InContext::Group => ContextMode::Group,
                InContext::Isolated => ContextMode::Isolated,
            }),
            check_script: self.check.clone(),
            misfire: self.misfire.map(|misfire| match misfire {
                OnMisfire::One => Misfire::One,
                OnMisfire::All => Misfire::All,
                OnMisfire::Skip => Misfire::Skip,
            }),
            max_lateness_ms: self.max_lateness,
            overlap: self.overlap.map(|overlap| match overlap {
                OnOverlap::Queue => Overlap::Queue,
                OnOverlap::Skip => Overlap::Skip,
            }),
            pause_after: self.pause_after,
        })
    }

    fn prompt(&self) -> anyhow::Result<Option<String>> {
        if self.prompt.as_deref() != Some("-") {
            return Ok(self.prompt.clone());
        }
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("the prompt could not be read from standard input")?;
        Ok(Some(text.trim().to_owned()))
    }
}

fn chat(text: &str) -> Result<ChatId, String> {
    Ok(ChatId::new(text))
}

/// Reads a span as milliseconds.
pub(super) fn span(text: &str) -> Result<u64, String> {
    parse_span(text)
        .and_then(|millis| u64::try_from(millis).ok())
        .ok_or_else(|| format!("{text:?} is not a span of time: write 90s, 15m, 2h or 1d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_mean_fields_and_what_is_not_named_is_absent() {
        let options = TaskOptions {
            schedule: Some("every 15m".into()),
            max_lateness: Some(span("1h").unwrap()),
            overlap: Some(OnOverlap::Skip),
            ..TaskOptions::default()
        };
        let fields = options.fields().unwrap();
        let meant = TaskFields {
            schedule_type: Some("interval".into()),
            schedule_value: Some("900000".into()),
            max_lateness_ms: Some(3_600_000),
            overlap: Some(Overlap::Skip),
            ..TaskFields::default()
        };
        assert_eq!(fields, meant);
        assert!(span("soon").unwrap_err().contains("\"soon\""));
    }
}
