//! Retention: removes what nobody needs any more, a bounded number of rows at a time.
//!
//! Never removed: a message after its group's cursor, an open turn and what was said in it, a delivery that is not
//! done, the transcript of a session that a group or an open turn would resume, a firing that did not end, a task that may
//! still fire. A message's dedup key goes with it:
//! platforms re-send within days.

use proto::time::Timestamp;
use rusqlite::{Connection, named_params};

use crate::{Removed, Result};

const STATEMENTS: [&str; 8] = [
    "
    DELETE FROM messages WHERE rowid IN (
        SELECT m.rowid FROM messages m JOIN groups g ON g.id = m.group_id
        WHERE m.arrived_at < :before AND m.ord <= g.cursor_ord
        LIMIT :limit
    )
    ",
    "
    DELETE FROM turns WHERE rowid IN (
        SELECT rowid FROM turns WHERE closed_at IS NOT NULL AND closed_at < :before LIMIT :limit
    )
    ",
    "
    DELETE FROM outbox WHERE rowid IN (
        SELECT o.rowid FROM outbox o
        WHERE o.done_at IS NOT NULL AND o.done_at < :before
          -- A later attempt at an open turn asks what was already said.
          AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = o.turn_id AND t.state = 'open')
        LIMIT :limit
    )
    ",
    "
    DELETE FROM transcripts WHERE rowid IN (
        SELECT l.rowid FROM transcripts l
        WHERE NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = l.group_id AND g.session_id = l.session_id)
          AND NOT EXISTS (
              SELECT 1 FROM turns t WHERE t.group_id = l.group_id AND t.state = 'open' AND t.session_id = l.session_id
          )
          -- A session goes as a whole, after its newest line.
          AND NOT EXISTS (
              SELECT 1 FROM transcripts newer
              WHERE newer.group_id = l.group_id AND newer.session_id = l.session_id AND newer.written_at >= :before
          )
        LIMIT :limit
    )
    ",
    "
    DELETE FROM dead_letters WHERE rowid IN (
        SELECT rowid FROM dead_letters WHERE at < :before LIMIT :limit
    )
    ",
    "
    DELETE FROM firings WHERE rowid IN (
        SELECT rowid FROM firings WHERE ended_at IS NOT NULL AND ended_at < :before LIMIT :limit
    )
    ",
    "
    DELETE FROM tasks WHERE rowid IN (
        SELECT rowid FROM tasks WHERE state = 'done' AND changed_at < :before LIMIT :limit
    )
    ",
    "
    DELETE FROM runners WHERE rowid IN (
        SELECT r.rowid FROM runners r
        WHERE r.dead = 1 AND r.registered_at < :before
          AND NOT EXISTS (SELECT 1 FROM slots s WHERE s.runner = r.id)
        LIMIT :limit
    )
    ",
];

pub(super) fn remove_before(conn: &Connection, before: Timestamp, limit: u32) -> Result<Removed> {
    let mut left = u64::from(limit);
    for sql in STATEMENTS {
        let removed = conn
            .prepare_cached(sql)?
            .execute(named_params! { ":before": before.as_millis(), ":limit": super::columns::stored(left) })?;
        left = left.saturating_sub(removed as u64);
    }
    Ok(Removed {
        rows: u64::from(limit) - left,
        more: left == 0,
    })
}
