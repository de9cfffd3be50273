//! The history of tasks: firings that ended.

use proto::task::{RunOutcome, RunsOf, TaskRun};
use rusqlite::{Connection, Row, named_params};

use super::columns::{parsed, parsed_option, time, word};
use crate::Result;

pub(super) fn newest(conn: &Connection, of: &RunsOf, limit: u32) -> Result<Vec<TaskRun>> {
    let (task, group) = match of {
        RunsOf::Task(task) => (Some(task.as_str()), None),
        RunsOf::Group(group) => (None, Some(group.as_str())),
        RunsOf::All => (None, None),
    };
    let runs = conn
        .prepare_cached(
            "
            SELECT task_id, due_at, turn_id, COALESCE(started_at, due_at) AS started_at, ended_at, outcome, cost_micros,
                   error
            FROM firings
            WHERE outcome IS NOT NULL AND (:task IS NULL OR task_id = :task) AND (:group IS NULL OR group_id = :group)
            ORDER BY ended_at DESC, due_at DESC, task_id DESC
            LIMIT :limit
            ",
        )?
        .query_map(named_params! { ":task": task, ":group": group, ":limit": limit }, read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(runs)
}

fn read(row: &Row<'_>) -> rusqlite::Result<TaskRun> {
    Ok(TaskRun {
        task: parsed(row, "task_id")?,
        due_at: time(row, "due_at")?,
        turn: parsed_option(row, "turn_id")?,
        started_at: time(row, "started_at")?,
        ended_at: time(row, "ended_at")?,
        outcome: word(row, "outcome", RunOutcome::parse)?,
        cost_micros: row.get("cost_micros")?,
        error: row.get("error")?,
    })
}
