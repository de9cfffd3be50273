//! Tasks: their rows. What they fire is in `firings`.
//!
//! Whoever changes a task or its firings holds the lock of its group; a task never changes its group. So what is read of it
//! in a later statement stands until the end of the transaction.

use proto::claim::Fence;
use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, Misfire, Overlap, Task, TaskId, TaskOrigin, TaskPolicy, TaskSpec, TaskState};
use proto::time::Timestamp;
use tokio_postgres::Row;

use super::columns::{self, count, get, parsed, parsed_option, time, time_option, unreadable, word};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use super::{chats, fence, firings, groups};
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

pub(super) fn look_up(id: &TaskId) -> Statement<'_> {
    statement!(select!("WHERE id = $1"), id)
}

/// What [`look_up`] found.
pub(super) fn found(answer: &Answer) -> Result<Option<Task>> {
    answer.row().map(read).transpose()
}

pub(super) async fn find(tx: &Tx, id: &TaskId) -> Result<Option<Task>> {
    found(&tx.read(look_up(id)).await?)
}

pub(super) async fn all(tx: &Tx, group: Option<&GroupId>) -> Result<Vec<Task>> {
    let tasks = match group {
        Some(group) => statement!(select!("WHERE group_id = $1 ORDER BY id"), group),
        None => statement!(select!("ORDER BY id")),
    };
    columns::all(&tx.read(tasks).await?.rows, read)
}

pub(super) async fn due(tx: &Tx, now: Timestamp, limit: u32) -> Result<Vec<Task>> {
    let tasks = statement!(
        select!("WHERE state = 'active' AND next_due IS NOT NULL AND next_due <= $1 ORDER BY next_due, id LIMIT $2"),
        now,
        limit,
    );
    columns::all(&tx.read(tasks).await?.rows, read)
}

pub(super) async fn next_due_at(tx: &Tx) -> Result<Option<Timestamp>> {
    let next = statement!("SELECT MIN(next_due) AS next FROM tasks WHERE state = 'active' AND next_due IS NOT NULL");
    time_option(tx.read(next).await?.one()?, "next")
}

pub(super) async fn put(tx: &Tx, task: &Task, fence: Option<&Fence>, now: Timestamp) -> Result<Option<Task>> {
    let group = &task.spec.group;
    let mut names = vec![group.as_str()];
    names.extend(fence.map(|fence| fence.group.as_str()));
    tx.begin([statement!(
        "SELECT 1 FROM groups WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        names
    )])
    .await?;
    check_fence(tx, fence).await?;
    let [registered, chat, known, open] = tx
        .send_all([
            statement!("SELECT 1 FROM groups WHERE id = $1 AND NOT removed", group),
            statement!("SELECT group_id FROM chats WHERE id = $1", &task.spec.chat),
            look_up(&task.id),
            statement!(
                "SELECT COUNT(*) AS open FROM tasks WHERE group_id = $1 AND state <> 'done'",
                group
            ),
        ])
        .await?;
    registered.row().ok_or_else(|| groups::not_found(group))?;
    let chat = chat.row().ok_or_else(|| chats::not_found(&task.spec.chat))?;
    checks::chat(task, parsed_option(chat, "group_id")?.as_ref())?;
    let known = found(&known)?;
    if known.as_ref().map_or(0, |known| known.version) != task.version {
        return known.map_or_else(|| Err(not_found(&task.id).into()), |_| Ok(None));
    }
    match &known {
        Some(known) => checks::same_group(task, known)?,
        None => checks::room(task, count(open.one()?, "open")?)?,
    }
    let stored = Task {
        version: task.version + 1,
        created_at: known.as_ref().map_or(task.created_at, |known| known.created_at),
        ..task.clone()
    };
    let Some(known) = known else {
        // In another group a task of that name may come to be at the same time: then the key decides.
        let [inserted] = tx.commit([insert(&stored, now)]).await?;
        return Ok((inserted.touched == 1).then_some(stored));
    };
    let mut statements = vec![update(&stored, now)];
    if stored.state != TaskState::Active && known.state == TaskState::Active {
        statements.push(firings::cancel(&stored.id, now));
    }
    tx.commit_all(statements).await?;
    Ok(Some(stored))
}

pub(super) async fn remove(tx: &Tx, id: &TaskId, fence: Option<&Fence>, now: Timestamp) -> Result<()> {
    lock_group(tx, id, fence).await?;
    let [removed, _] = tx
        .commit([
            statement!("DELETE FROM tasks WHERE id = $1", id),
            firings::cancel(id, now),
        ])
        .await?;
    match removed.touched {
        1 => Ok(()),
        _ => Err(not_found(id).into()),
    }
}

/// Begins with locking the group of a task, and the fence's, by id as everybody does who takes several; checks the fence.
pub(super) async fn lock_group(tx: &Tx, id: &TaskId, fence: Option<&Fence>) -> Result<()> {
    let lock = statement!(
        "
        SELECT 1 FROM groups
        WHERE id = (SELECT group_id FROM tasks WHERE id = $1) OR id = $2
        ORDER BY id
        FOR NO KEY UPDATE
        ",
        id,
        fence.map(|fence| &fence.group),
    );
    tx.begin([lock]).await?;
    check_fence(tx, fence).await
}

async fn check_fence(tx: &Tx, fence: Option<&Fence>) -> Result<()> {
    if let Some(fence) = fence {
        let [held] = tx.send_all([fence::lock(fence)]).await?;
        fence::held(&held, fence)?;
    }
    Ok(())
}

fn insert(task: &Task, now: Timestamp) -> Statement<'_> {
    let (spec, policy) = (&task.spec, &task.spec.policy);
    statement!(
        "
        INSERT INTO tasks
            (id, group_id, chat_id, prompt, kind, schedule, timezone, context_mode, check_script, misfire,
             max_lateness_ms, overlap, pause_after, state, next_due, failures_in_row, version, created_at, changed_at,
             origin)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (id) DO NOTHING
        ",
        &task.id,
        &spec.group,
        &spec.chat,
        &spec.prompt,
        spec.schedule.kind().as_str(),
        spec.schedule.value(),
        spec.zone.name(),
        spec.context_mode.as_str(),
        &spec.check_script,
        policy.misfire.as_str(),
        lateness(policy),
        policy.overlap.as_str(),
        policy.pause_after,
        task.state.as_str(),
        task.next_due,
        task.failures_in_row,
        task.version,
        task.created_at,
        now,
        task.origin.as_str(),
    )
}

/// Writes a row that is there as it is to be from now on: the version before its own.
pub(super) fn update(task: &Task, now: Timestamp) -> Statement<'static> {
    let (spec, policy) = (&task.spec, &task.spec.policy);
    statement!(
        "
        WITH changed AS (
            UPDATE tasks SET
                chat_id = $2, prompt = $3, kind = $4, schedule = $5, timezone = $6, context_mode = $7, check_script = $8,
                misfire = $9, max_lateness_ms = $10, overlap = $11, pause_after = $12, state = $13, next_due = $14,
                failures_in_row = $15, version = $16, changed_at = $17, origin = $18
            WHERE id = $1 AND version = $16 - 1
            RETURNING 1
        )
        SELECT must_touch(1, COUNT(*)) FROM changed
        ",
        task.id.to_string(),
        spec.chat.to_string(),
        spec.prompt.clone(),
        spec.schedule.kind().as_str(),
        spec.schedule.value(),
        spec.zone.name(),
        spec.context_mode.as_str(),
        spec.check_script.clone(),
        policy.misfire.as_str(),
        lateness(policy),
        policy.overlap.as_str(),
        policy.pause_after,
        task.state.as_str(),
        task.next_due,
        task.failures_in_row,
        task.version,
        now,
        task.origin.as_str(),
    )
}

fn lateness(policy: &TaskPolicy) -> Option<i64> {
    policy.max_lateness_ms.map(|max| i64::try_from(max).unwrap_or(i64::MAX))
}

fn read(row: &Row) -> Result<Task> {
    let kind = word(row, "kind", ScheduleKind::parse)?;
    let schedule = Schedule::parse(kind, get(row, "schedule")?).map_err(|_| unreadable("schedule"))?;
    let lateness: Option<i64> = get(row, "max_lateness_ms")?;
    Ok(Task {
        id: parsed(row, "id")?,
        spec: TaskSpec {
            group: parsed(row, "group_id")?,
            chat: ChatId::new(get::<String>(row, "chat_id")?),
            prompt: get(row, "prompt")?,
            schedule,
            zone: parsed(row, "timezone")?,
            context_mode: word(row, "context_mode", ContextMode::parse)?,
            check_script: get(row, "check_script")?,
            policy: TaskPolicy {
                misfire: word(row, "misfire", Misfire::parse)?,
                max_lateness_ms: lateness.map(|lateness| u64::try_from(lateness).unwrap_or(0)),
                overlap: word(row, "overlap", Overlap::parse)?,
                pause_after: count(row, "pause_after")?,
            },
        },
        state: word(row, "state", TaskState::parse)?,
        next_due: time_option(row, "next_due")?,
        failures_in_row: count(row, "failures_in_row")?,
        origin: word(row, "origin", TaskOrigin::parse)?,
        created_at: time(row, "created_at")?,
        version: get(row, "version")?,
    })
}
