//! Retention: removes what nobody needs any more, a bounded number of rows at a time.
//!
//! Never removed: a message after its group's cursor, an open turn and what was said in it, a delivery that is not
//! done, the transcript of a session that a group or an open turn would resume, a runner that lives or owns something, a
//! firing that did not end, a task that may still fire. A message's dedup key goes with it: platforms re-send within days.

use proto::time::Timestamp;

use super::failure::Result;
use super::parameter::statement;
use super::transaction::Tx;
use crate::Removed;

/// Each chooses its rows in a CTE, which runs once: in a subquery of the DELETE the limit might be applied again and again.
const STATEMENTS: [&str; 8] = [
    "
    WITH old AS MATERIALIZED (
        SELECT m.group_id, m.ord FROM messages m JOIN groups g ON g.id = m.group_id
        WHERE m.arrived_at < $1 AND m.ord <= g.cursor_ord
        LIMIT $2
    )
    DELETE FROM messages m USING old WHERE m.group_id = old.group_id AND m.ord = old.ord
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT id FROM turns WHERE closed_at IS NOT NULL AND closed_at < $1 LIMIT $2
    )
    DELETE FROM turns t USING old WHERE t.id = old.id
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT o.id FROM outbox o
        WHERE o.done_at IS NOT NULL AND o.done_at < $1
          -- A later attempt at an open turn asks what was already said.
          AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.id = o.turn_id AND t.state = 'open')
        LIMIT $2
    )
    DELETE FROM outbox o USING old WHERE o.id = old.id
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT l.group_id, l.session_id, l.subpath, l.idx FROM transcripts l
        WHERE NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = l.group_id AND g.session_id = l.session_id)
          AND NOT EXISTS (
              SELECT 1 FROM turns t WHERE t.group_id = l.group_id AND t.state = 'open' AND t.session_id = l.session_id
          )
          -- A session goes as a whole, after its newest line.
          AND NOT EXISTS (
              SELECT 1 FROM transcripts newer
              WHERE newer.group_id = l.group_id AND newer.session_id = l.session_id AND newer.written_at >= $1
          )
        LIMIT $2
    )
    DELETE FROM transcripts l USING old
    WHERE l.group_id = old.group_id AND l.session_id = old.session_id AND l.subpath = old.subpath AND l.idx = old.idx
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT id FROM dead_letters WHERE at < $1 LIMIT $2
    )
    DELETE FROM dead_letters l USING old WHERE l.id = old.id
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT task_id, due_at FROM firings WHERE ended_at IS NOT NULL AND ended_at < $1 LIMIT $2
    )
    DELETE FROM firings f USING old WHERE f.task_id = old.task_id AND f.due_at = old.due_at
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT id FROM tasks WHERE state = 'done' AND changed_at < $1 LIMIT $2
    )
    -- Asked again of the row itself, which is as it is by now: it may be active again.
    DELETE FROM tasks t USING old WHERE t.id = old.id AND t.state = 'done' AND t.changed_at < $1
    ",
    "
    WITH old AS MATERIALIZED (
        SELECT r.id FROM runners r
        WHERE r.dead AND r.registered_at < $1 AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.owner = r.id)
        LIMIT $2
    )
    -- Asked again of the row itself, which is as it is by now: it may have come back.
    DELETE FROM runners r USING old WHERE r.id = old.id AND r.dead AND r.registered_at < $1
    ",
];

pub(super) async fn remove_before(tx: &Tx, before: Timestamp, limit: u32) -> Result<Removed> {
    let mut left = u64::from(limit);
    for sql in STATEMENTS {
        let removed = tx.write(statement!(sql, before, left)).await?.touched;
        left = left.saturating_sub(removed);
    }
    Ok(Removed {
        rows: u64::from(limit) - left,
        more: left == 0,
    })
}
