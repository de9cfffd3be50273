//! Whether a group has something to do: the one definition that commit, release and every way of losing a group use.

use proto::claim::ReadyKind;
use proto::ids::{GroupId, InboxOrd};
use rusqlite::{Connection, params};

use crate::Result;

/// Whether a message that engages the agent lies after `cursor`.
pub(super) fn engaging_after(conn: &Connection, group: &GroupId, cursor: InboxOrd) -> Result<bool> {
    let found = conn
        .prepare_cached(
            "
            SELECT EXISTS (SELECT 1 FROM messages WHERE group_id = ?1 AND ord > ?2 AND engages = 1)
            ",
        )?
        .query_row(params![group.as_str(), cursor.0], |row| row.get(0))?;
    Ok(found)
}

/// For whom the group is ready after `cursor`: for a task only if nobody else calls.
pub(super) fn kind_after(conn: &Connection, group: &GroupId, cursor: InboxOrd) -> Result<ReadyKind> {
    let only_tasks = conn
        .prepare_cached(
            "
            SELECT COALESCE(MIN(task IS NOT NULL), 0) FROM messages WHERE group_id = ?1 AND ord > ?2 AND engages = 1
            ",
        )?
        .query_row(params![group.as_str(), cursor.0], |row| row.get(0))?;
    Ok(if only_tasks {
        ReadyKind::Task
    } else {
        ReadyKind::Interactive
    })
}

/// Whether the group must be claimed again: something engages the agent, or a turn was opened and not closed.
pub(super) fn has_work(conn: &Connection, group: &GroupId, cursor: InboxOrd) -> Result<bool> {
    let open = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM turns WHERE group_id = ?1 AND state = 'open')")?
        .query_row(params![group.as_str()], |row| row.get::<_, bool>(0))?;
    Ok(open || engaging_after(conn, group, cursor)?)
}
