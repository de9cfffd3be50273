//! Turns: their record, and marking how far an attempt got.

use proto::claim::Fence;
use proto::ids::{Epoch, GroupId, InboxOrd, SessionId, TurnId};
use proto::turn::TurnState;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{parsed, word};
use super::error::one_row;
use super::fence;
use crate::{Error, Result, TurnRecord};

pub(super) fn get(conn: &Connection, id: TurnId) -> Result<Option<TurnRecord>> {
    let record = conn
        .prepare_cached("SELECT id, group_id, state, attempt, error FROM turns WHERE id = ?1")?
        .query_row(params![id.to_string()], |row| {
            Ok(TurnRecord {
                turn: parsed(row, "id")?,
                group: parsed(row, "group_id")?,
                state: state(row)?,
                attempt: row.get("attempt")?,
                error: row.get("error")?,
            })
        })
        .optional()?;
    Ok(record)
}

/// State of a turn of this group, and the claim of its newest attempt.
pub(super) fn standing(conn: &Connection, group: &GroupId, id: TurnId) -> Result<(TurnState, Epoch)> {
    conn.prepare_cached("SELECT state, epoch FROM turns WHERE id = ?1 AND group_id = ?2")?
        .query_row(params![id.to_string(), group.as_str()], |row| {
            Ok((state(row)?, Epoch(row.get("epoch")?)))
        })
        .optional()?
        .ok_or_else(|| Error::NotFound {
            what: "turn",
            id: id.to_string(),
        })
}

/// Whether a turn's session is not the group's.
pub(super) fn is_isolated(conn: &Connection, id: TurnId) -> Result<bool> {
    let isolated = conn
        .prepare_cached("SELECT isolated FROM turns WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))?;
    Ok(isolated)
}

/// Fails unless the turn is open and its newest attempt belongs to this claim.
pub(super) fn require_open(conn: &Connection, fence: &Fence, id: TurnId) -> Result<()> {
    match standing(conn, &fence.group, id)? {
        (TurnState::Open, epoch) if epoch == fence.epoch => Ok(()),
        _ => Err(not_open(id)),
    }
}

/// Fails unless the turn is open in this claim, or was committed by it.
pub(super) fn require_of_claim(conn: &Connection, fence: &Fence, id: TurnId) -> Result<()> {
    match standing(conn, &fence.group, id)? {
        (TurnState::Open | TurnState::Committed, epoch) if epoch == fence.epoch => Ok(()),
        _ => Err(Error::Conflict(format!("turn {id} is not one of this claim"))),
    }
}

pub(super) fn not_open(id: TurnId) -> Error {
    Error::Conflict(format!("turn {id} is not open in this claim"))
}

/// Makes the next attempt begin a session of its own.
pub(super) fn forget_session(conn: &Connection, fence: &Fence, id: TurnId) -> Result<()> {
    conn.prepare_cached(
        "UPDATE turns SET session_id = NULL, prompted_through = NULL WHERE id = ?1 AND state = 'open'",
    )?
    .execute([id.to_string()])?;
    if is_isolated(conn, id)? {
        return Ok(());
    }
    let touched = conn
        .prepare_cached("UPDATE groups SET session_id = NULL WHERE id = ?1 AND epoch = ?2")?
        .execute(params![fence.group.as_str(), fence.epoch.0])?;
    one_row(touched, || fence::fenced(fence))
}

pub(super) fn mark_prompted(
    conn: &Connection,
    fence: &Fence,
    id: TurnId,
    through: InboxOrd,
    session: &SessionId,
) -> Result<()> {
    fence::check(conn, fence)?;
    require_open(conn, fence, id)?;
    let touched = conn
        .prepare_cached(
            "
            UPDATE turns
            SET prompted_through = MAX(COALESCE(prompted_through, 0), :through), session_id = :session
            WHERE id = :turn AND state = 'open'
            ",
        )?
        .execute(named_params! { ":through": through.0, ":session": session.as_str(), ":turn": id.to_string() })?;
    one_row(touched, || not_open(id))
}

fn state(row: &Row<'_>) -> rusqlite::Result<TurnState> {
    word(row, "state", TurnState::parse)
}
