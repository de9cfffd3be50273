//! Transcripts: the lines of a session, kept as the agent writes them.

use proto::claim::Fence;
use proto::ids::{GroupId, SessionId};
use rusqlite::{Connection, named_params, params};
use serde_json::Value;

use super::columns::json;
use super::fence;
use crate::{Result, TranscriptPart};

/// Stands for the session itself where a sub-agent has its own path.
const WHOLE: &str = "";

pub(super) fn append(conn: &Connection, fence: &Fence, part: &TranscriptPart) -> Result<()> {
    fence::check(conn, fence)?;
    let subpath = part.subpath.as_deref().unwrap_or(WHOLE);
    let mut insert = conn.prepare_cached(
        "
        INSERT INTO transcripts (group_id, session_id, subpath, idx, uuid, line, written_at)
        SELECT :group, :session, :subpath,
            (SELECT COALESCE(MAX(idx), 0) + 1 FROM transcripts
             WHERE group_id = :group AND session_id = :session AND subpath = :subpath),
            :uuid, :line,
            (SELECT active_at FROM groups WHERE id = :group)
        -- The SDK writes a line again when it did not hear that the first time went well.
        WHERE NOT EXISTS (
            SELECT 1 FROM transcripts
            WHERE group_id = :group AND session_id = :session AND subpath = :subpath AND uuid = :uuid
        )
        ",
    )?;
    for entry in &part.entries {
        insert.execute(named_params! {
            ":group": fence.group.as_str(),
            ":session": part.session.as_str(),
            ":subpath": subpath,
            ":uuid": entry.get("uuid").and_then(Value::as_str),
            ":line": entry.to_string(),
        })?;
    }
    Ok(())
}

pub(super) fn load(
    conn: &Connection,
    group: &GroupId,
    session: &SessionId,
    subpath: Option<&str>,
) -> Result<Option<Vec<Value>>> {
    let lines: Vec<Value> = conn
        .prepare_cached(
            "
            SELECT line FROM transcripts WHERE group_id = ?1 AND session_id = ?2 AND subpath = ?3 ORDER BY idx
            ",
        )?
        .query_map(
            params![group.as_str(), session.as_str(), subpath.unwrap_or(WHOLE)],
            |row| json(row, "line"),
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok((!lines.is_empty()).then_some(lines))
}
