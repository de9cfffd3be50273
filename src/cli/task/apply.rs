//! `clawhold task apply`: from files to the control API, and back to the lines of the files.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use gateway::api::wire::tasks::{Applied, Declared, Problem};
use reqwest::Method;

use super::super::control::Control;
use super::super::say;
use super::file::{self, Entry};
use super::shown;
use crate::cli::answer;

pub(super) async fn run(
    control: &Control,
    files: &[PathBuf],
    dry_run: bool,
    prune: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (entries, mut problems) = file::read_all(files);
    let mut applied = Applied::default();
    if problems.is_empty() {
        let declared = Declared {
            tasks: entries.iter().map(|entry| entry.task.clone()).collect(),
            prune,
            dry_run,
        };
        applied = control.ask(Method::PUT, "/v1/declared-tasks", &declared).await?;
        problems.extend(applied.problems.iter().map(|problem| located(problem, &entries)));
    }
    for problem in &problems {
        say(problem);
    }
    if !problems.is_empty() {
        say("nothing was changed");
        return Ok(ExitCode::FAILURE);
    }
    let text = answer(&applied, json, |applied| shown::applied(applied, dry_run))?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A problem with the place in the file it is about: file, entry, field, and what is wrong with the value.
fn located(problem: &Problem, entries: &[Entry]) -> String {
    let Some(entry) = entries.get(problem.entry) else {
        return problem.message.clone();
    };
    let field = problem.field.as_deref().map(file::field_name);
    let field = field.map(|field| format!(" {field}:")).unwrap_or_default();
    format!("{}:{field} {}", entry.place, problem.message)
}
