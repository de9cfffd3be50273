//! The fence: what a call for a group must show, and what it learns of the group by it.

use proto::claim::Fence;
use proto::ids::{Epoch, InboxOrd, Incarnation, RunnerId, SessionId};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::parsed;
use crate::{Error, Result};

/// What the holder of a fence may know of its group.
pub(super) struct Held {
    pub(super) cursor: InboxOrd,
    pub(super) head: InboxOrd,
    pub(super) attempts: u32,
    pub(super) runner_deaths: u32,
    pub(super) session: Option<SessionId>,
}

/// Checks the fence.
///
/// Check-then-act is sound here: the writer runs one transaction at a time, so nothing comes between this and what
/// the same call does next. A life of a runner that was replaced or declared dead is fenced at once, before its groups
/// are freed: it may be a paused process that has not noticed.
pub(super) fn check(conn: &Connection, fence: &Fence) -> Result<Held> {
    let held = conn
        .prepare_cached(
            "
            SELECT g.cursor_ord, g.head_ord, g.attempts, g.runner_deaths, g.session_id
            FROM groups g
            JOIN runners r ON r.id = g.owner AND r.incarnation = g.owner_incarnation AND r.dead = 0
            WHERE g.id = :group AND g.epoch = :epoch AND g.owner = :runner AND g.owner_incarnation = :incarnation
            ",
        )?
        .query_row(
            named_params! {
                ":group": fence.group.as_str(),
                ":epoch": fence.epoch.0,
                ":runner": fence.runner.as_str(),
                ":incarnation": fence.incarnation.0,
            },
            |row| {
                Ok(Held {
                    cursor: InboxOrd(row.get("cursor_ord")?),
                    head: InboxOrd(row.get("head_ord")?),
                    attempts: row.get("attempts")?,
                    runner_deaths: row.get("runner_deaths")?,
                    session: row.get::<_, Option<String>>("session_id")?.map(SessionId::new),
                })
            },
        )
        .optional()?;
    held.ok_or_else(|| fenced(fence))
}

/// The fences that hold for this life of a runner.
pub(super) fn owned(conn: &Connection, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<Fence>> {
    let fences = conn
        .prepare_cached(
            "
            SELECT g.id, g.epoch
            FROM groups g
            JOIN runners r ON r.id = g.owner AND r.incarnation = g.owner_incarnation AND r.dead = 0
            WHERE g.owner = ?1 AND g.owner_incarnation = ?2
            ORDER BY g.id
            ",
        )?
        .query_map(params![runner.as_str(), incarnation.0], |row| {
            Ok(Fence {
                group: parsed(row, "id")?,
                epoch: Epoch(row.get("epoch")?),
                runner: runner.clone(),
                incarnation,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(fences)
}

/// The error of a fence that does not hold.
pub(super) fn fenced(fence: &Fence) -> Error {
    Error::Fenced(Box::new(fence.clone()))
}
