//! Tasks: their rows. What they fire is in `firings`.

use proto::claim::Fence;
use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, Misfire, Overlap, Task, TaskId, TaskOrigin, TaskPolicy, TaskSpec, TaskState};
use proto::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{parsed, stored, time, time_option, unreadable, word};
use super::error::one_row;
use super::{chats, fence, firings, groups};
use crate::Result;
use crate::tasks::{checks, not_found};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            SELECT id, group_id, chat_id, prompt, kind, schedule, timezone, context_mode, check_script, misfire,
                   max_lateness_ms, overlap, pause_after, state, next_due, failures_in_row, version, origin,
                   created_at
            FROM tasks
            ",
            $rest
        )
    };
}

pub(super) fn get(conn: &Connection, id: &TaskId) -> Result<Option<Task>> {
    let task = conn
        .prepare_cached(select!("WHERE id = ?1"))?
        .query_row(params![id.as_str()], read)
        .optional()?;
    Ok(task)
}

pub(super) fn all(conn: &Connection, group: Option<&GroupId>) -> Result<Vec<Task>> {
    let tasks = conn
        .prepare_cached(select!("WHERE ?1 IS NULL OR group_id = ?1 ORDER BY id"))?
        .query_map(params![group.map(GroupId::as_str)], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(tasks)
}

pub(super) fn due(conn: &Connection, now: Timestamp, limit: u32) -> Result<Vec<Task>> {
    let tasks = conn
        .prepare_cached(select!(
            "WHERE state = 'active' AND next_due IS NOT NULL AND next_due <= ?1 ORDER BY next_due, id LIMIT ?2"
        ))?
        .query_map(params![now.as_millis(), limit], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(tasks)
}

pub(super) fn next_due_at(conn: &Connection) -> Result<Option<Timestamp>> {
    let next = conn
        .prepare_cached("SELECT MIN(next_due) AS next FROM tasks WHERE state = 'active' AND next_due IS NOT NULL")?
        .query_row([], |row| time_option(row, "next"))?;
    Ok(next)
}

pub(super) fn put(conn: &Connection, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>> {
    if let Some(fence) = fence {
        fence::check(conn, fence)?;
    }
    groups::require(conn, &task.spec.group)?;
    let chat = chats::get(conn, &task.spec.chat)?.ok_or_else(|| chats::not_found(&task.spec.chat))?;
    checks::chat(task, chat.group.as_ref())?;
    let known = get(conn, &task.id)?;
    if known.as_ref().map_or(0, |known| known.version) != task.version {
        return if known.is_none() {
            Err(not_found(&task.id))
        } else {
            Ok(None)
        };
    }
    match &known {
        Some(known) => checks::same_group(task, known)?,
        None => checks::room(task, open_tasks(conn, &task.spec.group)?)?,
    }
    let stored = Task {
        version: task.version + 1,
        created_at: known.as_ref().map_or(task.created_at, |known| known.created_at),
        ..task.clone()
    };
    write(conn, &stored, now)?;
    if stored.state != TaskState::Active && known.is_some_and(|known| known.state == TaskState::Active) {
        firings::cancel(conn, &stored.id, now)?;
    }
    Ok(Some(stored))
}

pub(super) fn remove(conn: &Connection, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()> {
    if let Some(fence) = fence {
        fence::check(conn, fence)?;
    }
    let touched = conn
        .prepare_cached("DELETE FROM tasks WHERE id = ?1")?
        .execute(params![id.as_str()])?;
    one_row(touched, || not_found(id))?;
    firings::cancel(conn, id, now)
}

/// Whether the task's chat still belongs to its group.
pub(super) fn has_its_chat(conn: &Connection, task: &Task) -> Result<bool> {
    let chat = chats::get(conn, &task.spec.chat)?;
    Ok(chat.is_some_and(|chat| chat.group.as_ref() == Some(&task.spec.group)))
}

/// Writes a row as it is to be from now on; its `version` says so.
pub(super) fn write(conn: &Connection, task: &Task, now: Timestamp) -> Result<()> {
    let (spec, policy) = (&task.spec, &task.spec.policy);
    conn.prepare_cached(
        "
        INSERT INTO tasks
            (id, group_id, chat_id, prompt, kind, schedule, timezone, context_mode, check_script, misfire,
             max_lateness_ms, overlap, pause_after, state, next_due, failures_in_row, version, origin, created_at, changed_at)
        VALUES
            (:id, :group, :chat, :prompt, :kind, :schedule, :timezone, :context_mode, :check_script, :misfire,
             :max_lateness, :overlap, :pause_after, :state, :next_due, :failures, :version, :origin, :created_at, :now)
        ON CONFLICT (id) DO UPDATE SET
            chat_id = excluded.chat_id,
            prompt = excluded.prompt,
            kind = excluded.kind,
            schedule = excluded.schedule,
            timezone = excluded.timezone,
            context_mode = excluded.context_mode,
            check_script = excluded.check_script,
            misfire = excluded.misfire,
            max_lateness_ms = excluded.max_lateness_ms,
            overlap = excluded.overlap,
            pause_after = excluded.pause_after,
            state = excluded.state,
            next_due = excluded.next_due,
            failures_in_row = excluded.failures_in_row,
            version = excluded.version,
            origin = excluded.origin,
            changed_at = excluded.changed_at
        ",
    )?
    .execute(named_params! {
        ":id": task.id.as_str(),
        ":group": spec.group.as_str(),
        ":chat": spec.chat.as_str(),
        ":prompt": spec.prompt,
        ":kind": spec.schedule.kind().as_str(),
        ":schedule": spec.schedule.value(),
        ":timezone": spec.zone.name(),
        ":context_mode": spec.context_mode.as_str(),
        ":check_script": spec.check_script,
        ":misfire": policy.misfire.as_str(),
        ":max_lateness": policy.max_lateness_ms.map(stored),
        ":overlap": policy.overlap.as_str(),
        ":pause_after": policy.pause_after,
        ":state": task.state.as_str(),
        ":next_due": task.next_due.map(Timestamp::as_millis),
        ":failures": task.failures_in_row,
        ":version": task.version,
        ":origin": task.origin.as_str(),
        ":created_at": task.created_at.as_millis(),
        ":now": now.as_millis(),
    })?;
    Ok(())
}

fn open_tasks(conn: &Connection, group: &GroupId) -> Result<u32> {
    let tasks = conn
        .prepare_cached("SELECT COUNT(*) FROM tasks WHERE group_id = ?1 AND state != 'done'")?
        .query_row(params![group.as_str()], |row| row.get(0))?;
    Ok(tasks)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Task> {
    let kind = word(row, "kind", ScheduleKind::parse)?;
    let value: String = row.get("schedule")?;
    let lateness: Option<i64> = row.get("max_lateness_ms")?;
    Ok(Task {
        id: parsed(row, "id")?,
        spec: TaskSpec {
            group: parsed(row, "group_id")?,
            chat: ChatId::new(row.get::<_, String>("chat_id")?),
            prompt: row.get("prompt")?,
            schedule: Schedule::parse(kind, &value).map_err(|error| unreadable(row, "schedule", error))?,
            zone: parsed(row, "timezone")?,
            context_mode: word(row, "context_mode", ContextMode::parse)?,
            check_script: row.get("check_script")?,
            policy: TaskPolicy {
                misfire: word(row, "misfire", Misfire::parse)?,
                max_lateness_ms: lateness.map(|lateness| u64::try_from(lateness).unwrap_or(0)),
                overlap: word(row, "overlap", Overlap::parse)?,
                pause_after: row.get("pause_after")?,
            },
        },
        state: word(row, "state", TaskState::parse)?,
        next_due: time_option(row, "next_due")?,
        failures_in_row: row.get("failures_in_row")?,
        origin: word(row, "origin", TaskOrigin::parse)?,
        created_at: time(row, "created_at")?,
        version: row.get("version")?,
    })
}
