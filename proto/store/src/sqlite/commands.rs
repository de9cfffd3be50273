//! What commands ask of the rows: that a turn ends, how a group stands, what it has used.

use proto::ids::{GroupId, Incarnation, RunnerId, TurnId};
use proto::time::Timestamp;
use proto::turn::Usage;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{count, parsed, time_option};
use super::groups;
use crate::{GroupStanding, Result, UsageTotal};

pub(super) fn stop_turn(conn: &Connection, group: &GroupId, now: Timestamp) -> Result<Option<Option<RunnerId>>> {
    let touched = conn
        .prepare_cached(
            "
            UPDATE turns SET stop_asked_at = COALESCE(stop_asked_at, ?2) WHERE group_id = ?1 AND state = 'open'
            ",
        )?
        .execute(params![group.as_str(), now.as_millis()])?;
    if touched == 0 {
        return Ok(None);
    }
    let owner: Option<String> = conn
        .prepare_cached("SELECT owner FROM groups WHERE id = ?1")?
        .query_row(params![group.as_str()], |row| row.get(0))?;
    Ok(Some(owner.map(RunnerId::new)))
}

pub(super) fn turns_to_stop(
    conn: &Connection,
    runner: &RunnerId,
    incarnation: Incarnation,
) -> Result<Vec<(GroupId, TurnId)>> {
    let found = conn
        .prepare_cached(
            "
            SELECT t.group_id, t.id
            FROM turns t JOIN groups g ON g.id = t.group_id
            WHERE t.state = 'open' AND t.stop_asked_at IS NOT NULL AND g.owner = ?1 AND g.owner_incarnation = ?2
            ORDER BY t.group_id
            ",
        )?
        .query_map(params![runner.as_str(), incarnation.0], |row| {
            Ok((parsed(row, "group_id")?, parsed(row, "id")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

pub(super) fn standing(conn: &Connection, group: &GroupId) -> Result<GroupStanding> {
    let standing = conn
        .prepare_cached(
            "
            SELECT
                g.owner,
                (SELECT t.opened_at FROM turns t WHERE t.group_id = g.id AND t.state = 'open') AS turn_since,
                (SELECT COUNT(*) FROM messages m
                 WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages = 1) AS unanswered,
                g.session_id IS NOT NULL AS has_session
            FROM groups g WHERE g.id = ?1 AND g.removed = 0
            ",
        )?
        .query_row(params![group.as_str()], |row| {
            Ok(GroupStanding {
                owner: row.get::<_, Option<String>>("owner")?.map(RunnerId::new),
                turn_since: time_option(row, "turn_since")?,
                unanswered: count(row, "unanswered")?,
                has_session: row.get("has_session")?,
            })
        })
        .optional()?;
    standing.ok_or_else(|| groups::not_found(group))
}

pub(super) fn usage_since(conn: &Connection, group: &GroupId, since: Timestamp) -> Result<UsageTotal> {
    let total = conn
        .prepare_cached(
            "
            SELECT
                COUNT(*) AS turns,
                COALESCE(SUM(input_tokens), 0) AS input,
                COALESCE(SUM(output_tokens), 0) AS output,
                COALESCE(SUM(cache_creation_input_tokens), 0) AS cache_creation,
                COALESCE(SUM(cache_read_input_tokens), 0) AS cache_read,
                COALESCE(SUM(cost_micros), 0) AS cost
            FROM usage WHERE group_id = ?1 AND at >= ?2
            ",
        )?
        .query_row(params![group.as_str(), since.as_millis()], |row| {
            Ok(UsageTotal {
                turns: count(row, "turns")?,
                usage: Usage {
                    input_tokens: count(row, "input")?,
                    output_tokens: count(row, "output")?,
                    cache_creation_input_tokens: count(row, "cache_creation")?,
                    cache_read_input_tokens: count(row, "cache_read")?,
                },
                cost_micros: row.get("cost")?,
            })
        })?;
    Ok(total)
}
