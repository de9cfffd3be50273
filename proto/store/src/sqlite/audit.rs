//! Who did what, for those who look later.

use rusqlite::{Connection, Row, params};

use super::columns::time;
use crate::{AuditEntry, Result};

pub(super) fn note(conn: &Connection, entry: &AuditEntry) -> Result<()> {
    conn.prepare_cached("INSERT INTO audit (at, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            entry.at.as_millis(),
            entry.actor,
            entry.action,
            entry.subject,
            entry.detail
        ])?;
    Ok(())
}

pub(super) fn newest(conn: &Connection, limit: u32) -> Result<Vec<AuditEntry>> {
    let read = |row: &Row<'_>| {
        Ok(AuditEntry {
            at: time(row, "at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            detail: row.get("detail")?,
        })
    };
    let entries = conn
        .prepare_cached("SELECT at, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT ?1")?
        .query_map(params![limit], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(entries)
}
