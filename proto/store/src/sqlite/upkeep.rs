//! Looking after the rows: numbers, health.

use proto::time::Timestamp;
use rusqlite::{Connection, params};

use super::columns::count;
use crate::{Counts, Result};

/// Says to `file` and the like whose database this is: "clwh".
const APPLICATION_ID: i32 = 0x636c_7768;

pub(super) fn counts(conn: &Connection, now: Timestamp) -> Result<Counts> {
    let counts = conn
        .prepare_cached(
            "
            SELECT
                (SELECT COUNT(*) FROM groups WHERE removed = 0) AS groups,
                (SELECT COUNT(*) FROM groups
                 WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= ?1) AS waiting_groups,
                (SELECT COUNT(*) FROM groups WHERE owner IS NOT NULL) AS owned_groups,
                (SELECT COUNT(*) FROM outbox WHERE state IN ('pending', 'sending')) AS outbox_pending,
                (SELECT COUNT(*) FROM outbox WHERE state = 'uncertain') AS outbox_uncertain,
                (SELECT COUNT(*) FROM outbox WHERE state = 'dead') AS outbox_dead,
                (SELECT COUNT(*) FROM dead_letters) AS dead_letters
            ",
        )?
        .query_row(params![now.as_millis()], |row| {
            Ok(Counts {
                groups: count(row, "groups")?,
                waiting_groups: count(row, "waiting_groups")?,
                owned_groups: count(row, "owned_groups")?,
                outbox_pending: count(row, "outbox_pending")?,
                outbox_uncertain: count(row, "outbox_uncertain")?,
                outbox_dead: count(row, "outbox_dead")?,
                dead_letters: count(row, "dead_letters")?,
            })
        })?;
    Ok(counts)
}

/// Writes a page, so that a full disk or a file that became read-only shows.
pub(super) fn check(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}
