//! Runners: their lives, their heartbeats, and what becomes of their groups when a life ends.

use proto::ids::{GroupId, InboxOrd, Incarnation, RunnerId};
use proto::time::Timestamp;
use rusqlite::{Connection, Row, named_params, params};

use super::columns::parsed;
use super::error::{one_row, unavailable};
use super::readiness;
use crate::{Error, Result, RunnerRow};

pub(super) fn register(conn: &Connection, runner: &RunnerId, slots: u32, now: Timestamp) -> Result<Incarnation> {
    let incarnation = conn
        .prepare_cached(
            "
            INSERT INTO runners (id, incarnation, heartbeat, dead, slots, registered_at) VALUES (?1, 1, 0, 0, ?2, ?3)
            ON CONFLICT (id) DO UPDATE SET
                incarnation = incarnation + 1, heartbeat = 0, dead = 0, slots = ?2, registered_at = ?3
            RETURNING incarnation
            ",
        )?
        .query_row(params![runner.as_str(), slots, now.as_millis()], |row| row.get(0))?;
    Ok(Incarnation(incarnation))
}

pub(super) fn heartbeat(conn: &Connection, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
    let touched = conn
        .prepare_cached("UPDATE runners SET heartbeat = heartbeat + 1 WHERE id = ?1 AND incarnation = ?2 AND dead = 0")?
        .execute(params![runner.as_str(), incarnation.0])?;
    one_row(touched, || replaced(runner, incarnation))
}

pub(super) fn all(conn: &Connection) -> Result<Vec<RunnerRow>> {
    let runners = conn
        .prepare_cached(
            "
            SELECT id, incarnation, heartbeat, dead,
                MAX(slots - (SELECT COUNT(*) FROM slots taken WHERE taken.runner = runners.id), 0) AS free_slots
            FROM runners
            ORDER BY id
            ",
        )?
        .query_map([], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(runners)
}

pub(super) fn free_stale(
    conn: &Connection,
    runner: &RunnerId,
    current: Incarnation,
    now: Timestamp,
) -> Result<Vec<GroupId>> {
    free_groups(conn, runner, Incarnation(current.0 - 1), now)
}

pub(super) fn declare_dead(conn: &Connection, seen: &RunnerRow, now: Timestamp) -> Result<Vec<GroupId>> {
    // The comparison with what was seen makes a runner that moved on after all survive its own obituary.
    let touched = conn
        .prepare_cached(
            "UPDATE runners SET dead = 1 WHERE id = ?1 AND incarnation = ?2 AND heartbeat = ?3 AND dead = 0",
        )?
        .execute(params![seen.runner.as_str(), seen.incarnation.0, seen.heartbeat])?;
    if touched == 0 {
        Ok(Vec::new())
    } else {
        free_groups(conn, &seen.runner, seen.incarnation, now)
    }
}

/// Ends a life that owns nothing. Every owned group has a slot, whichever life of the runner claimed it.
pub(super) fn retire(conn: &Connection, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
    conn.prepare_cached(
        "
        UPDATE runners SET dead = 1
        WHERE id = ?1 AND incarnation = ?2 AND dead = 0 AND NOT EXISTS (SELECT 1 FROM slots WHERE runner = ?1)
        ",
    )?
    .execute(params![runner.as_str(), incarnation.0])?;
    Ok(())
}

pub(super) fn replaced(runner: &RunnerId, incarnation: Incarnation) -> Error {
    Error::RunnerReplaced {
        runner: runner.clone(),
        incarnation,
    }
}

/// Takes all groups from the lives of a runner up to `last_life`. The epoch grows, so that whatever still acts for
/// them is fenced even if the same runner claims them next.
fn free_groups(conn: &Connection, runner: &RunnerId, last_life: Incarnation, now: Timestamp) -> Result<Vec<GroupId>> {
    let owned: Vec<(GroupId, InboxOrd)> = conn
        .prepare_cached(
            "
            SELECT id, cursor_ord FROM groups WHERE owner = ?1 AND owner_incarnation <= ?2 ORDER BY id
            ",
        )?
        .query_map(params![runner.as_str(), last_life.0], |row| {
            Ok((parsed(row, "id")?, InboxOrd(row.get("cursor_ord")?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (group, cursor) in &owned {
        free(conn, group, *cursor, now)?;
    }
    Ok(owned.into_iter().map(|(group, _)| group).collect())
}

fn free(conn: &Connection, group: &GroupId, cursor: InboxOrd, now: Timestamp) -> Result<()> {
    let has_work = readiness::has_work(conn, group, cursor)?;
    let kind = readiness::kind_after(conn, group, cursor)?;
    let touched = conn
        .prepare_cached(
            "
            UPDATE groups SET
                owner = NULL,
                owner_incarnation = NULL,
                epoch = epoch + 1,
                ready_at = CASE WHEN :has_work THEN :now END,
                ready_kind = :kind,
                -- The attempt ended through no fault of its messages; what counts is that a runner died over them.
                attempts = CASE WHEN :has_work THEN MAX(attempts - 1, 0) ELSE 0 END,
                runner_deaths = CASE WHEN :has_work THEN runner_deaths + 1 ELSE 0 END
            WHERE id = :group AND owner IS NOT NULL
            ",
        )?
        .execute(named_params! {
            ":has_work": has_work,
            ":kind": kind.as_str(),
            ":now": now.as_millis(),
            ":group": group.as_str(),
        })?;
    one_row(touched, || {
        unavailable(format!("group {group} lost its owner inside a transaction"))
    })?;
    free_slot(conn, group)
}

/// Gives the slot of a group back.
pub(super) fn free_slot(conn: &Connection, group: &GroupId) -> Result<()> {
    let touched = conn
        .prepare_cached("DELETE FROM slots WHERE group_id = ?1")?
        .execute(params![group.as_str()])?;
    one_row(touched, || {
        unavailable(format!("group {group} was owned without a slot"))
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<RunnerRow> {
    Ok(RunnerRow {
        runner: RunnerId::new(row.get::<_, String>("id")?),
        incarnation: Incarnation(row.get("incarnation")?),
        heartbeat: row.get("heartbeat")?,
        dead: row.get("dead")?,
        free_slots: row.get("free_slots")?,
    })
}
