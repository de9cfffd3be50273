//! Transcripts: the lines of a session, kept as the agent writes them.

use proto::claim::Fence;
use proto::ids::{GroupId, InboxOrd, SessionId, TurnId};
use serde_json::Value;

use super::columns::{all, json};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use super::{fence, turns};
use crate::TranscriptPart;

/// Stands for the session itself where a sub-agent has its own path.
const WHOLE: &str = "";

pub(super) async fn append(tx: &Tx, fence: &Fence, part: &TranscriptPart) -> Result<()> {
    let lines = lines_of(part);
    let [held, _] = tx.transact([fence::lock(fence), insert(fence, part, &lines)]).await?;
    fence::held(&held, fence)?;
    Ok(())
}

/// In one round trip. Both are of the same transaction, so a prompt is never noted whose lines are not there.
pub(super) async fn append_prompted(
    tx: &Tx,
    fence: &Fence,
    part: &TranscriptPart,
    turn: TurnId,
    through: InboxOrd,
) -> Result<()> {
    let lines = lines_of(part);
    let statements = [
        fence::lock(fence),
        insert(fence, part, &lines),
        turns::mark(fence, turn, through, &part.session),
    ];
    let [held, _, marked] = tx.transact(statements).await?;
    fence::held(&held, fence)?;
    match marked.row() {
        Some(_) => Ok(()),
        None => Err(turns::not_open(turn).into()),
    }
}

fn lines_of(part: &TranscriptPart) -> Vec<String> {
    part.entries.iter().map(Value::to_string).collect()
}

fn insert<'a>(fence: &'a Fence, part: &'a TranscriptPart, lines: &'a [String]) -> Statement<'a> {
    let uuids: Vec<Option<&str>> = part
        .entries
        .iter()
        .map(|entry| entry.get("uuid").and_then(Value::as_str))
        .collect();
    // Sent along with the lock of the group, so it asks for itself whether the fence holds. Should the lock not be
    // granted, it cannot hold any more either.
    statement!(
        "
        WITH line AS (
            -- The SDK writes a line again when it did not hear that the first time went well.
            SELECT DISTINCT ON (uuid, CASE WHEN uuid IS NULL THEN nth END) uuid, line, nth
            FROM UNNEST($5, $6) WITH ORDINALITY AS given (uuid, line, nth)
            WHERE NOT EXISTS (
                SELECT 1 FROM transcripts t
                WHERE t.group_id = $1 AND t.session_id = $3 AND t.subpath = $4 AND t.uuid = given.uuid
            )
            ORDER BY uuid, CASE WHEN uuid IS NULL THEN nth END, nth
        )
        INSERT INTO transcripts (group_id, session_id, subpath, idx, uuid, line, written_at)
        SELECT $1, $3, $4,
            (SELECT COALESCE(MAX(idx), 0) FROM transcripts WHERE group_id = $1 AND session_id = $3 AND subpath = $4)
            + ROW_NUMBER() OVER (ORDER BY line.nth),
            line.uuid, line.line, g.active_at
        FROM line
        JOIN groups g ON g.id = $1 AND g.epoch = $2 AND g.owner = $7 AND g.owner_incarnation = $8
        JOIN runners r ON r.id = g.owner AND r.incarnation = g.owner_incarnation AND NOT r.dead
        ",
        &fence.group,
        fence.epoch,
        &part.session,
        part.subpath.as_deref().unwrap_or(WHOLE),
        uuids,
        lines.iter().map(String::as_str).collect::<Vec<_>>(),
        &fence.runner,
        fence.incarnation,
    )
}

pub(super) async fn load(
    tx: &Tx,
    group: &GroupId,
    session: &SessionId,
    subpath: Option<&str>,
) -> Result<Option<Vec<Value>>> {
    let lines = statement!(
        "SELECT line FROM transcripts WHERE group_id = $1 AND session_id = $2 AND subpath = $3 ORDER BY idx",
        group,
        session,
        subpath.unwrap_or(WHOLE),
    );
    let lines: Vec<Value> = all(&tx.read(lines).await?.rows, |row| json(row, "line"))?;
    Ok((!lines.is_empty()).then_some(lines))
}
