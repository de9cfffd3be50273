//! `clawhold task`: schedules work in the running node or fleet, and shows what came of it.

mod apply;
mod args;
mod file;
mod shown;

use std::io::Write;
use std::process::ExitCode;

use gateway::api::wire::tasks::{NewTask, RunBegun, Runs, TaskChange, TaskView, Tasks};
use reqwest::Method;

use super::answer;
use super::control::{Control, segment};
pub(crate) use args::TaskArgs;
use args::TaskCommand;

/// Runs the command.
pub(crate) async fn run(args: TaskArgs) -> anyhow::Result<ExitCode> {
    let control = Control::of_config(args.config.as_deref())?;
    let json = args.json;
    let text = match args.command {
        TaskCommand::List { group, all } => {
            let query = group.map(|group| format!("?group={group}")).unwrap_or_default();
            let mut tasks: Tasks = control.get(&format!("/v1/tasks{query}")).await?;
            tasks.tasks.retain(|task| all || task.task.status != shown::COMPLETED);
            answer(&tasks, json, shown::list)?
        }
        TaskCommand::Show { id } => {
            let task: TaskView = control.get(&path(&id, "")).await?;
            answer(&task, json, shown::whole)?
        }
        TaskCommand::Add {
            id,
            group,
            chat,
            paused,
            options,
        } => {
            let new = NewTask {
                id,
                group,
                chat,
                paused,
                fields: options.fields()?,
            };
            let task: TaskView = control.ask(Method::POST, "/v1/tasks", &new).await?;
            answer(&task, json, |task| format!("added {}", shown::whole(task)))?
        }
        TaskCommand::Edit { id, chat, options } => {
            let change = TaskChange {
                chat,
                fields: options.fields()?,
            };
            let task: TaskView = control.ask(Method::PATCH, &path(&id, ""), &change).await?;
            answer(&task, json, |task| format!("changed {}", shown::whole(task)))?
        }
        TaskCommand::Pause { id } => {
            let task: TaskView = control.ask(Method::POST, &path(&id, "/pause"), &()).await?;
            answer(&task, json, shown::line)?
        }
        TaskCommand::Resume { id } => {
            let task: TaskView = control.ask(Method::POST, &path(&id, "/resume"), &()).await?;
            answer(&task, json, shown::line)?
        }
        TaskCommand::Cancel { id } => {
            control.tell(Method::DELETE, &path(&id, ""), None::<&()>).await?;
            if json {
                String::new()
            } else {
                format!("cancelled {id}\n")
            }
        }
        TaskCommand::RunNow { id } => {
            let begun: RunBegun = control.ask(Method::POST, &path(&id, "/run"), &()).await?;
            answer(&begun, json, |begun| {
                format!(
                    "{} runs now; `clawhold task history {}` says how it ended\n",
                    begun.task, begun.task
                )
            })?
        }
        TaskCommand::History { id, group, limit } => {
            let mut query = format!("?limit={limit}");
            query.extend(id.map(|id| format!("&task={id}")));
            query.extend(group.map(|group| format!("&group={group}")));
            let runs: Runs = control.get(&format!("/v1/task-runs{query}")).await?;
            answer(&runs, json, shown::history)?
        }
        TaskCommand::Apply { files, dry_run, prune } => {
            return apply::run(&control, &files, dry_run, prune, json).await;
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn path(id: &str, rest: &str) -> String {
    format!("/v1/tasks/{}{rest}", segment(id))
}
