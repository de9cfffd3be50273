//! Tasks and their runs in words.

use std::fmt::Write;
use std::time::Duration;

use gateway::api::wire::tasks::{Action, Applied, AppliedTask, Runs, TaskView, Tasks};
use proto::schedule::span_words;
use proto::task::TaskRun;

/// The state in which a task is over (SC-12).
pub(super) const COMPLETED: &str = "completed";

/// One line per task, in columns.
pub(super) fn list(tasks: &Tasks) -> String {
    if tasks.tasks.is_empty() {
        return "no tasks\n".to_owned();
    }
    let rows: Vec<[String; 5]> = tasks.tasks.iter().map(columns).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "{cell:<width$}  ");
        }
        text.push_str(&row[4]);
        text.push('\n');
    }
    text
}

/// A task in one line.
pub(super) fn line(task: &TaskView) -> String {
    columns(task).join("  ") + "\n"
}

/// A task in full.
pub(super) fn whole(view: &TaskView) -> String {
    let (task, policy) = (&view.task, &view.policy);
    let mut text = format!("{}\n", task.id);
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<13} {}", value.replace('\n', "\n                "));
    };
    row("group", task.group.as_str());
    row("chat", task.chat.as_str());
    row("state", &state(view));
    row("schedule", &format!("{} ({})", task.schedule, task.timezone));
    row("context", task.context_mode.as_str());
    row("misfire", policy.misfire.as_str());
    if let Some(max) = policy.max_lateness_ms {
        row("max lateness", &span_words(i64::try_from(max).unwrap_or(i64::MAX)));
    }
    row("overlap", policy.overlap.as_str());
    match policy.pause_after {
        0 => row("pause after", "never"),
        failures => row("pause after", &format!("{failures} failures in a row")),
    }
    row("made by", &format!("{}, {}", task.origin.as_str(), view.created_at));
    if let Some(check) = &task.check_script {
        row("check", check);
    }
    row("prompt", &task.prompt);
    if !view.next_runs.is_empty() {
        row("next runs", &view.next_runs.join("\n"));
    }
    text
}

/// One line per run.
pub(super) fn history(runs: &Runs) -> String {
    if runs.runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    runs.runs.iter().map(run).collect()
}

/// What was done, or would be, about declared tasks.
pub(super) fn applied(applied: &Applied, dry_run: bool) -> String {
    let mut text: String = applied.changes.iter().map(change).collect();
    let count = |action| applied.changes.iter().filter(|change| change.action == action).count();
    let _ = writeln!(
        text,
        "{}{} added, {} changed, {} removed, {} as declared",
        if dry_run { "would be: " } else { "" },
        count(Action::Add),
        count(Action::Change),
        count(Action::Remove),
        count(Action::Keep),
    );
    if count(Action::Leave) > 0 {
        let _ = writeln!(
            text,
            "{} left although no file declares them: --prune removes them",
            count(Action::Leave)
        );
    }
    text
}

fn change(change: &AppliedTask) -> String {
    let sign = match change.action {
        Action::Add => '+',
        Action::Change => '~',
        Action::Remove => '-',
        Action::Leave => '?',
        Action::Keep => return String::new(),
    };
    let mut text = format!("{sign} {} ({})\n", change.name, change.group);
    for difference in &change.differences {
        let field = &difference.field;
        let _ = match change.action {
            Action::Add => writeln!(text, "    {field}: {}", difference.to),
            _ => writeln!(text, "    {field}: {:?} -> {:?}", difference.from, difference.to),
        };
    }
    if !change.next_runs.is_empty() {
        let _ = writeln!(text, "    next runs: {}", change.next_runs.join(", "));
    }
    text
}

fn columns(view: &TaskView) -> [String; 5] {
    let task = &view.task;
    let prompt = task.prompt.lines().next().unwrap_or_default();
    [
        task.id.to_string(),
        task.group.to_string(),
        format!("{} ({})", task.schedule, task.timezone),
        match &task.next_run {
            Some(at) => format!("next {at}"),
            None => state(view),
        },
        prompt.chars().take(50).collect(),
    ]
}

fn state(view: &TaskView) -> String {
    match view.task.failures_in_row {
        0 => view.task.status.clone(),
        failures => format!("{}, {failures} failures in a row", view.task.status),
    }
}

fn run(run: &TaskRun) -> String {
    let lateness = run.started_at.since(run.due_at);
    let mut text = format!(
        "{}  {}  {:<9}  took {}",
        run.due_at,
        run.task,
        run.outcome.as_str(),
        seconds(run.duration())
    );
    if lateness >= Duration::from_secs(1) {
        let _ = write!(text, "  began {} late", seconds(lateness));
    }
    if let Some(micros) = run.cost_micros {
        let _ = write!(text, "  ${}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100);
    }
    if let Some(error) = &run.error {
        let _ = write!(text, "  {error}");
    }
    text.push('\n');
    text
}

fn seconds(span: Duration) -> String {
    format!("{}.{:01} s", span.as_secs(), span.subsec_millis() / 100)
}
