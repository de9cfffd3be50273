//! Who waits for a runner, for those that want to know without claiming.

use proto::claim::Waiting;
use proto::ids::{ChatId, GroupId, RunnerId};
use proto::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{parsed, time};
use crate::Result;

pub(super) fn oldest(conn: &Connection, now: Timestamp) -> Result<Option<Waiting>> {
    let waiting = conn
        .prepare_cached(
            "
            SELECT id, ready_at FROM groups
            WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= ?1
            ORDER BY ready_at, id
            LIMIT 1
            ",
        )?
        .query_row(params![now.as_millis()], |row| {
            Ok(Waiting {
                group: parsed(row, "id")?,
                ready_at: time(row, "ready_at")?,
            })
        })
        .optional()?;
    Ok(waiting)
}

pub(super) fn chats(
    conn: &Connection,
    runner: &RunnerId,
    since: Timestamp,
    after: Option<&GroupId>,
    limit: u32,
) -> Result<Vec<(GroupId, ChatId)>> {
    let waiting = conn
        .prepare_cached(
            "
            SELECT g.id, m.chat_id
            FROM groups g
            JOIN messages m ON m.group_id = g.id AND m.ord = (
                SELECT MIN(ord) FROM messages WHERE group_id = g.id AND ord > g.cursor_ord AND engages = 1
            )
            WHERE g.id > :after AND (
                (
                    g.owner IS NULL AND MAX(g.ready_at, g.not_before) <= :since
                    AND NOT EXISTS (
                        SELECT 1 FROM runners r
                        WHERE r.id <> :runner AND NOT r.dead
                          AND r.slots <= (SELECT COUNT(*) FROM slots s WHERE s.runner = r.id)
                    )
                )
                -- Not freed yet: that takes the container runtime, and it may be what is missing.
                OR EXISTS (
                    SELECT 1 FROM runners r WHERE r.id = :runner AND r.id = g.owner AND r.incarnation > g.owner_incarnation
                )
            )
            ORDER BY g.id
            LIMIT :limit
            ",
        )?
        .query_map(
            named_params! {
                ":after": after.map_or("", GroupId::as_str),
                ":runner": runner.as_str(),
                ":since": since.as_millis(),
                ":limit": limit,
            },
            |row| Ok((parsed(row, "id")?, ChatId::new(row.get::<_, String>("chat_id")?))),
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(waiting)
}
