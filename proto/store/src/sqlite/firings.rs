//! Firings: from a due instant to work in the inbox, and from the end of its turn to history.

use proto::claim::Fence;
use proto::ids::{GroupId, InboxOrd, TurnId};
use proto::task::{
    Admission, AfterRun, CHAT_LOST, FireReport, FireTask, Fired, FiringRef, RunOutcome, Task, TaskId, TaskState,
    decide_after_run, decide_overlap, firing_envelope, missed_reason,
};
use proto::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{parsed, time};
use super::error::one_row;
use super::{fence, inbox, index, tasks};
use crate::ending::Ending;
use crate::tasks::{OVERLAPPED, checks, not_found};
use crate::{Appended, Result};

pub(super) fn fire(conn: &Connection, fire: &FireTask, now: Timestamp) -> Result<Fired> {
    let as_seen = |task: &Task| {
        task.version == fire.version && task.next_due == Some(fire.seen) && task.state == TaskState::Active
    };
    let Some(task) = tasks::get(conn, &fire.task)?.filter(as_seen) else {
        return Ok(Fired::Overtaken);
    };
    let mut report = report_for(conn, &task)?;
    if !tasks::has_its_chat(conn, &task)? {
        pause(conn, &task, task.failures_in_row, now)?;
        put_ended(conn, &task, fire.seen, RunOutcome::Failed, CHAT_LOST, now)?;
        report.paused = true;
        return Ok(Fired::Done(report));
    }
    let moved = Task {
        next_due: fire.next_due,
        state: fire.next_due.map_or(TaskState::Done, |_| TaskState::Active),
        version: task.version + 1,
        ..task.clone()
    };
    tasks::write(conn, &moved, now)?;
    if fire.missed > 0 {
        put_ended(
            conn,
            &task,
            fire.seen,
            RunOutcome::Missed,
            &missed_reason(fire.missed),
            now,
        )?;
    }
    let mut unfinished = unfinished(conn, &task.id)?;
    for due in &fire.fire {
        match decide_overlap(task.spec.policy.overlap, unfinished) {
            Admission::Admitted if put(conn, &task, *due, now)? => {
                unfinished += 1;
                report.admitted.push(*due);
            }
            Admission::Skipped if put_ended(conn, &task, *due, RunOutcome::Skipped, OVERLAPPED, now)? => {
                report.skipped.push(*due);
            }
            // Fired before.
            Admission::Admitted | Admission::Skipped => {}
        }
    }
    Ok(Fired::Done(report))
}

pub(super) fn run_now(conn: &Connection, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<FireReport> {
    if let Some(fence) = fence {
        fence::check(conn, fence)?;
    }
    let task = tasks::get(conn, id)?.ok_or_else(|| not_found(id))?;
    checks::may_run_now(&task, tasks::has_its_chat(conn, &task)?, unfinished(conn, id)?)?;
    let mut report = report_for(conn, &task)?;
    let mut due = now;
    while !put(conn, &task, due, now)? {
        due = due + checks::NEXT_KEY;
    }
    report.admitted.push(due);
    Ok(report)
}

/// Notes that a turn took the firing up.
pub(super) fn begin(conn: &Connection, firing: &FiringRef, turn: TurnId, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "
        UPDATE firings SET turn_id = :turn, started_at = COALESCE(started_at, :now)
        WHERE task_id = :task AND due_at = :due AND outcome IS NULL
        ",
    )?
    .execute(named_params! {
        ":turn": turn.to_string(),
        ":now": now.as_millis(),
        ":task": firing.task.as_str(),
        ":due": firing.due_at.as_millis(),
    })?;
    Ok(())
}

/// Records the end of the firing that a turn covered, if it covered one. Returns after how many failures in a row its task
/// was paused, if it was.
pub(super) fn end(conn: &Connection, ending: &Ending<'_>) -> Result<Option<u32>> {
    let turn = ending.turn.to_string();
    let covered: Option<(TaskId, Timestamp)> = conn
        .prepare_cached("SELECT task_id, due_at FROM firings WHERE turn_id = ?1 AND outcome IS NULL AND ord <= ?2")?
        .query_row(params![turn, ending.through.0], |row| {
            Ok((parsed(row, "task_id")?, time(row, "due_at")?))
        })
        .optional()?;
    let Some((id, due)) = covered else {
        return Ok(None);
    };
    let said_early = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE turn_id = ?1 AND early = 1)")?
        .query_row(params![turn], |row| row.get(0))?;
    let outcome = ending.outcome(said_early);
    let touched = conn
        .prepare_cached(
            "
            UPDATE firings SET ended_at = :now, outcome = :outcome, cost_micros = :cost, error = :error
            WHERE task_id = :task AND due_at = :due AND outcome IS NULL
            ",
        )?
        .execute(named_params! {
            ":now": ending.now.as_millis(),
            ":outcome": outcome.as_str(),
            ":cost": ending.cost_micros,
            ":error": ending.error,
            ":task": id.as_str(),
            ":due": due.as_millis(),
        })?;
    one_row(touched, || not_found(&id))?;
    // The task may be removed by now; its history is not.
    match tasks::get(conn, &id)? {
        Some(task) => count(conn, &task, outcome, ending.now),
        None => Ok(None),
    }
}

fn count(conn: &Connection, task: &Task, outcome: RunOutcome, now: Timestamp) -> Result<Option<u32>> {
    match decide_after_run(task.failures_in_row, outcome, task.spec.policy.pause_after) {
        AfterRun::Pause { failures_in_row } if task.state == TaskState::Active => {
            pause(conn, task, failures_in_row, now)?;
            Ok(Some(failures_in_row))
        }
        AfterRun::Pause { failures_in_row } | AfterRun::GoOn { failures_in_row } => {
            if failures_in_row != task.failures_in_row {
                let counted = Task {
                    failures_in_row,
                    version: task.version + 1,
                    ..task.clone()
                };
                tasks::write(conn, &counted, now)?;
            }
            Ok(None)
        }
    }
}

fn pause(conn: &Connection, task: &Task, failures_in_row: u32, now: Timestamp) -> Result<()> {
    let paused = Task {
        failures_in_row,
        version: task.version + 1,
        ..task.paused()
    };
    tasks::write(conn, &paused, now)?;
    cancel(conn, &task.id, now)
}

/// Takes the firings of a task that no turn has begun out of the inbox again. Gaps in an inbox are allowed.
pub(super) fn cancel(conn: &Connection, id: &TaskId, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "
        DELETE FROM messages WHERE (group_id, ord) IN (
            SELECT group_id, ord FROM firings WHERE task_id = ?1 AND outcome IS NULL AND turn_id IS NULL
        )
        ",
    )?
    .execute(params![id.as_str()])?;
    conn.prepare_cached(
        "
        UPDATE firings SET ended_at = ?2, outcome = 'cancelled'
        WHERE task_id = ?1 AND outcome IS NULL AND turn_id IS NULL
        ",
    )?
    .execute(params![id.as_str(), now.as_millis()])?;
    Ok(())
}

fn report_for(conn: &Connection, task: &Task) -> Result<FireReport> {
    let (owner, last_runner) = index::runners_of(conn, &task.spec.group)?;
    Ok(FireReport {
        group: task.spec.group.clone(),
        owner,
        last_runner,
        admitted: Vec::new(),
        skipped: Vec::new(),
        paused: false,
    })
}

/// Makes a due instant work; `false` when it was fired before.
fn put(conn: &Connection, task: &Task, due: Timestamp, now: Timestamp) -> Result<bool> {
    if exists(conn, &task.id, due)? {
        return Ok(false);
    }
    let envelope = firing_envelope(&task.id, &task.spec, due);
    let Appended::Stored(ord) = inbox::append(conn, &envelope, now)? else {
        return Ok(false);
    };
    insert(conn, &task.id, &task.spec.group, due, ord, now)?;
    Ok(true)
}

fn exists(conn: &Connection, id: &TaskId, due: Timestamp) -> Result<bool> {
    let found = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM firings WHERE task_id = ?1 AND due_at = ?2)")?
        .query_row(params![id.as_str(), due.as_millis()], |row| row.get(0))?;
    Ok(found)
}

fn insert(
    conn: &Connection,
    id: &TaskId,
    group: &GroupId,
    due: Timestamp,
    ord: InboxOrd,
    now: Timestamp,
) -> Result<()> {
    conn.prepare_cached("INSERT INTO firings (task_id, due_at, group_id, fired_at, ord) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            id.as_str(),
            due.as_millis(),
            group.as_str(),
            now.as_millis(),
            ord.0
        ])?;
    Ok(())
}

/// Records a due instant that became no work; `false` when it was dealt with before.
fn put_ended(
    conn: &Connection,
    task: &Task,
    due: Timestamp,
    outcome: RunOutcome,
    error: &str,
    now: Timestamp,
) -> Result<bool> {
    let touched = conn
        .prepare_cached(
            "
            INSERT INTO firings (task_id, due_at, group_id, fired_at, ended_at, outcome, error)
            VALUES (:task, :due, :group, :now, :now, :outcome, :error)
            ON CONFLICT (task_id, due_at) DO NOTHING
            ",
        )?
        .execute(named_params! {
            ":task": task.id.as_str(),
            ":due": due.as_millis(),
            ":group": task.spec.group.as_str(),
            ":now": now.as_millis(),
            ":outcome": outcome.as_str(),
            ":error": error,
        })?;
    Ok(touched == 1)
}

fn unfinished(conn: &Connection, id: &TaskId) -> Result<u32> {
    let unfinished = conn
        .prepare_cached("SELECT COUNT(*) FROM firings WHERE task_id = ?1 AND outcome IS NULL")?
        .query_row(params![id.as_str()], |row| row.get(0))?;
    Ok(unfinished)
}
