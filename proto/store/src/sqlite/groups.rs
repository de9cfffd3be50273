//! Groups: registration.

use proto::group::Group;
use proto::ids::GroupId;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{json, parsed, time};
use super::error::{one_row, unavailable};
use crate::{Error, Result};

/// Registers or changes. The row of a removed group is taken up again, with its epoch and positions.
pub(super) fn put(conn: &Connection, group: &Group) -> Result<()> {
    let settings = serde_json::to_string(&group.settings).map_err(|error| unavailable(error.to_string()))?;
    conn.prepare_cached(
        "
        INSERT INTO groups (id, name, is_main, settings, created_at)
        VALUES (:id, :name, :is_main, :settings, :created_at)
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name,
            is_main = excluded.is_main,
            settings = excluded.settings,
            created_at = CASE WHEN removed THEN excluded.created_at ELSE created_at END,
            removed = 0
        ",
    )?
    .execute(named_params! {
        ":id": group.id.as_str(),
        ":name": group.name,
        ":is_main": group.is_main,
        ":settings": settings,
        ":created_at": group.created_at.as_millis(),
    })?;
    Ok(())
}

pub(super) fn get(conn: &Connection, id: &GroupId) -> Result<Option<Group>> {
    let group = conn
        .prepare_cached("SELECT id, name, is_main, settings, created_at FROM groups WHERE id = ?1 AND removed = 0")?
        .query_row(params![id.as_str()], read)
        .optional()?;
    Ok(group)
}

pub(super) fn all(conn: &Connection) -> Result<Vec<Group>> {
    let groups = conn
        .prepare_cached("SELECT id, name, is_main, settings, created_at FROM groups WHERE removed = 0 ORDER BY id")?
        .query_map([], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(groups)
}

/// Takes away what belonged to the group. What was said or is about to be said in its name stays in the outbox.
pub(super) fn remove(conn: &Connection, id: &GroupId) -> Result<()> {
    let owner: Option<Option<String>> = conn
        .prepare_cached("SELECT owner FROM groups WHERE id = ?1 AND removed = 0")?
        .query_row(params![id.as_str()], |row| row.get(0))
        .optional()?;
    match owner {
        None => return Err(not_found(id)),
        Some(Some(owner)) => return Err(Error::Conflict(format!("group {id} is being served by runner {owner}"))),
        Some(None) => {}
    }
    for sql in [
        "UPDATE chats SET group_id = NULL WHERE group_id = ?1",
        "DELETE FROM tasks WHERE group_id = ?1",
        "DELETE FROM firings WHERE group_id = ?1",
        "DELETE FROM messages WHERE group_id = ?1",
        "DELETE FROM turns WHERE group_id = ?1",
        "DELETE FROM transcripts WHERE group_id = ?1",
        "DELETE FROM snapshots WHERE group_id = ?1",
        "DELETE FROM dead_letters WHERE group_id = ?1",
    ] {
        conn.prepare_cached(sql)?.execute(params![id.as_str()])?;
    }
    let touched = conn
        .prepare_cached(
            "
            UPDATE groups
            SET removed = 1, cursor_ord = head_ord, shown_ord = head_ord, ready_at = NULL, ready_kind = 'interactive', not_before = 0,
                attempts = 0, runner_deaths = 0, session_id = NULL, last_runner = NULL
            WHERE id = ?1 AND owner IS NULL
            ",
        )?
        .execute(params![id.as_str()])?;
    one_row(touched, || not_found(id))
}

/// Fails if the group is not registered.
pub(super) fn require(conn: &Connection, id: &GroupId) -> Result<()> {
    let known = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM groups WHERE id = ?1 AND removed = 0)")?
        .query_row(params![id.as_str()], |row| row.get::<_, bool>(0))?;
    if known { Ok(()) } else { Err(not_found(id)) }
}

pub(super) fn not_found(id: &GroupId) -> Error {
    Error::NotFound {
        what: "group",
        id: id.to_string(),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        is_main: row.get("is_main")?,
        settings: json(row, "settings")?,
        created_at: time(row, "created_at")?,
    })
}
