//! Transcripts: the lines of a session, kept as the agent writes them.

use proto::claim::Fence;
use proto::ids::{GroupId, InboxOrd, SessionId, TurnId};
use serde_json::Value;

use super::columns::{all, get, json};
use super::failure::Result;
use super::fence::{self, lock_of_fence};
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use super::turns;
use crate::TranscriptPart;

/// Stands for the session itself where a sub-agent has its own path.
const WHOLE: &str = "";

pub(super) async fn append(tx: &Tx, fence: &Fence, part: &TranscriptPart) -> Result<()> {
    let appended = tx.write(insert(fence, part, None)).await?;
    require_held(&appended, fence)
}

pub(super) async fn append_prompted(
    tx: &Tx,
    fence: &Fence,
    part: &TranscriptPart,
    turn: TurnId,
    through: InboxOrd,
) -> Result<()> {
    let appended = tx.write(insert(fence, part, Some((turn, through)))).await?;
    require_held(&appended, fence)?;
    if get(appended.one()?, "marked")? {
        Ok(())
    } else {
        Err(turns::not_open(turn).into())
    }
}

fn require_held(appended: &Answer, fence: &Fence) -> Result<()> {
    if get(appended.one()?, "held")? {
        Ok(())
    } else {
        Err(fence::fenced(fence).into())
    }
}

/// Appends the lines under the fence and, where they show a prompt, notes how far the prompts of the open turn reach: a prompt is
/// never noted whose lines are not there.
///
/// Sound although all of the statement keeps the snapshot from before it waited for the group's lock ([`fence::lock`]): the lock
/// is granted on the group as it is by then, a claim writes its lines one call after the other, and should a try of the same call
/// still be under way, the keys of the table refuse the second, which is tried again and finds the lines.
fn insert<'a>(fence: &'a Fence, part: &'a TranscriptPart, prompted: Option<(TurnId, InboxOrd)>) -> Statement<'a> {
    let uuids: Vec<Option<&str>> = part
        .entries
        .iter()
        .map(|entry| entry.get("uuid").and_then(Value::as_str))
        .collect();
    statement!(
        concat!(
            "WITH held AS MATERIALIZED (",
            lock_of_fence!("g.active_at"),
            "
            ), line AS (
                -- The SDK writes a line again when it did not hear that the first time went well.
                SELECT DISTINCT ON (uuid, CASE WHEN uuid IS NULL THEN nth END) uuid, line, nth
                FROM UNNEST($7, $8) WITH ORDINALITY AS given (uuid, line, nth)
                WHERE NOT EXISTS (
                    SELECT 1 FROM transcripts t
                    WHERE t.group_id = $1 AND t.session_id = $5 AND t.subpath = $6 AND t.uuid = given.uuid
                )
                ORDER BY uuid, CASE WHEN uuid IS NULL THEN nth END, nth
            ), kept AS (
                INSERT INTO transcripts (group_id, session_id, subpath, idx, uuid, line, written_at)
                SELECT $1, $5, $6,
                    (
                        SELECT COALESCE(MAX(idx), 0) FROM transcripts
                        WHERE group_id = $1 AND session_id = $5 AND subpath = $6
                    ) + ROW_NUMBER() OVER (ORDER BY line.nth),
                    line.uuid, line.line, held.active_at
                FROM line CROSS JOIN held
            ), marked AS (
                UPDATE turns t
                SET prompted_through = GREATEST(COALESCE(t.prompted_through, 0), $10), session_id = $5
                FROM held
                WHERE t.id = $9 AND t.group_id = $1 AND t.state = 'open' AND t.epoch = $2
                RETURNING 1
            )
            SELECT EXISTS (SELECT 1 FROM held) AS held, EXISTS (SELECT 1 FROM marked) AS marked
            "
        ),
        &fence.group,
        fence.epoch,
        &fence.runner,
        fence.incarnation,
        &part.session,
        part.subpath.as_deref().unwrap_or(WHOLE),
        uuids,
        part.entries.iter().map(Value::to_string).collect::<Vec<_>>(),
        prompted.map(|(turn, _)| turn),
        prompted.map(|(_, through)| through.0),
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
