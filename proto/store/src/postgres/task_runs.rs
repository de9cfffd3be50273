//! The history of tasks: firings that ended.

use proto::ids::TurnId;
use proto::task::{RunOutcome, RunsOf, TaskRun};
use tokio_postgres::Row;

use super::columns::{all, get, parsed, time, word};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::Tx;

macro_rules! select {
    ($which:literal) => {
        concat!(
            "
            SELECT task_id, due_at, turn_id, COALESCE(started_at, due_at) AS started_at, ended_at, outcome, cost_micros,
                   error
            FROM firings
            WHERE outcome IS NOT NULL ",
            $which,
            " ORDER BY ended_at DESC, due_at DESC, task_id DESC LIMIT $1"
        )
    };
}

pub(super) async fn newest(tx: &Tx, of: &RunsOf, limit: u32) -> Result<Vec<TaskRun>> {
    all(&tx.read(select(of, limit)).await?.rows, read)
}

fn select(of: &RunsOf, limit: u32) -> Statement<'_> {
    match of {
        RunsOf::Task(task) => statement!(select!("AND task_id = $2"), limit, task),
        RunsOf::Group(group) => statement!(select!("AND group_id = $2"), limit, group),
        RunsOf::All => statement!(select!(""), limit),
    }
}

fn read(row: &Row) -> Result<TaskRun> {
    Ok(TaskRun {
        task: parsed(row, "task_id")?,
        due_at: time(row, "due_at")?,
        turn: get::<Option<uuid::Uuid>>(row, "turn_id")?.map(TurnId),
        started_at: time(row, "started_at")?,
        ended_at: time(row, "ended_at")?,
        outcome: word(row, "outcome", RunOutcome::parse)?,
        cost_micros: get(row, "cost_micros")?,
        error: get(row, "error")?,
    })
}
