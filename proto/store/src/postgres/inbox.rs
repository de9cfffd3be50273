//! The inbox: appending to it, and reading it in order.

use proto::claim::Fence;
use proto::ids::{ChatId, GroupId, InboxOrd};
use proto::inbound::{Envelope, InboxMessage};
use proto::prompt::{PENDING_MAX, choose_batch};
use proto::time::Timestamp;
use proto::trace::TraceContext;
use tokio_postgres::Row;

use super::columns::{self, get, json_option, parsed, time};
use super::failure::{Failure, Result};
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use super::{chats, fence, groups, readiness};
use crate::Appended;

/// Appends in one statement.
///
/// Sound although the rest of a statement keeps the snapshot from before it waited for the group's lock: the position is
/// read from the locked row as it is by then, the unique index and not the snapshot decides about the dedup key, and
/// chats are never deleted. Positions are drawn under the lock and kept until the commit, so they grow in the order in
/// which they become visible, whatever the platform's clock says (DB-D4).
pub(super) async fn append(tx: &Tx, envelope: &Envelope, now: Timestamp) -> Result<Appended> {
    let append = statement!(
        "
        WITH inbox AS MATERIALIZED (
            SELECT id, head_ord FROM groups WHERE id = $1 AND NOT removed FOR NO KEY UPDATE
        ), stored AS (
            INSERT INTO messages
                (group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task,
                 arrived_at, details)
            SELECT id, head_ord + 1, $2, $3, $4, $5, $6, $7, $8, $10, $11, $9, $12
            FROM inbox
            WHERE EXISTS (SELECT 1 FROM chats WHERE id = $3)
            ON CONFLICT (dedup_key) DO NOTHING
            RETURNING group_id, ord
        ), grown AS (
            UPDATE groups g SET
                head_ord = stored.ord,
                ready_at = CASE WHEN $8 THEN COALESCE(g.ready_at, $9) ELSE g.ready_at END,
                -- A person makes it theirs; a task takes it only where nobody waits.
                ready_kind = CASE
                    WHEN $8 AND $11 IS NULL THEN 'interactive'
                    WHEN $8 AND g.ready_at IS NULL THEN 'task'
                    ELSE g.ready_kind
                END
            FROM stored
            WHERE g.id = stored.group_id
            RETURNING 1
        )
        SELECT
            (SELECT ord FROM stored) AS ord,
            EXISTS (SELECT 1 FROM inbox) AS group_known,
            EXISTS (SELECT 1 FROM chats WHERE id = $3) AS chat_known,
            EXISTS (SELECT 1 FROM messages WHERE dedup_key = $2) AS seen_before,
            must_touch((SELECT COUNT(*) FROM stored), (SELECT COUNT(*) FROM grown))
        ",
        &envelope.group,
        &envelope.dedup_key,
        &envelope.chat,
        &envelope.sender,
        &envelope.sender_name,
        &envelope.text,
        envelope.sent_at,
        envelope.engages,
        now,
        trace(envelope),
        task(envelope)?,
        envelope.details.to_json(),
    );
    let answer = tx.write(append).await?;
    let row = answer.one()?;
    if let Some(ord) = get::<Option<i64>>(row, "ord")? {
        return Ok(Appended::Stored(InboxOrd(ord)));
    }
    if get(row, "seen_before")? {
        return Ok(Appended::Duplicate);
    }
    if !get::<bool>(row, "chat_known")? {
        return Err(chats::not_found(&envelope.chat).into());
    }
    if !get::<bool>(row, "group_known")? {
        return Err(groups::not_found(&envelope.group).into());
    }
    // Nothing stands in the way but the dedup key: another transaction stored it while this one was under way.
    Ok(Appended::Duplicate)
}

/// Messages after a position, oldest first.
pub(super) fn after(group: &GroupId, after: InboxOrd) -> Statement<'_> {
    statement!(
        "
        SELECT group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task, details
        FROM messages
        WHERE group_id = $1 AND ord > $2
        ORDER BY ord
        LIMIT $3
        ",
        group,
        after,
        PENDING_MAX as u64,
    )
}

/// What the agent may be handed beside what it works on.
pub(super) async fn follow_ups(tx: &Tx, fence: &Fence, seen: InboxOrd) -> Result<Vec<InboxMessage>> {
    // Asked first, from an index: a warm sandbox looks at every sweep, and mostly there is nothing.
    let look = statement!(
        "
        SELECT EXISTS (
            SELECT 1 FROM groups g
            JOIN runners r ON r.id = g.owner AND r.incarnation = g.owner_incarnation AND NOT r.dead
            WHERE g.id = $1 AND g.epoch = $2 AND g.owner = $3 AND g.owner_incarnation = $4
        ) AS held,
        EXISTS (SELECT 1 FROM messages WHERE group_id = $1 AND ord > $5 AND engages) AS found
        ",
        &fence.group,
        fence.epoch,
        &fence.runner,
        fence.incarnation,
        seen,
    );
    let answer = tx.read(look).await?;
    if !get::<bool>(answer.one()?, "held")? {
        return Err(fence::fenced(fence).into());
    }
    if !readiness::found(&answer)? {
        return Ok(Vec::new());
    }
    let answer = tx.read(after(&fence.group, seen)).await?;
    let pending = columns::all(&answer.rows, read)?;
    Ok(choose_batch(&pending).map(<[_]>::to_vec).unwrap_or_default())
}

/// Reads a row of `messages`, or of `dead_letters` about one.
pub(super) fn read(row: &Row) -> Result<InboxMessage> {
    Ok(InboxMessage {
        ord: InboxOrd(get(row, "ord")?),
        envelope: read_envelope(row)?,
    })
}

/// Reads what arrived out of such a row.
pub(super) fn read_envelope(row: &Row) -> Result<Envelope> {
    Ok(Envelope {
        dedup_key: get(row, "dedup_key")?,
        group: parsed(row, "group_id")?,
        chat: ChatId::new(get::<String>(row, "chat_id")?),
        sender: get(row, "sender")?,
        sender_name: get(row, "sender_name")?,
        text: get(row, "text")?,
        sent_at: time(row, "sent_at")?,
        engages: get(row, "engages")?,
        trace: get::<Option<&str>>(row, "trace")?.and_then(|trace| TraceContext::parse(trace).ok()),
        task: json_option(row, "task")?,
        details: json_option(row, "details")?.unwrap_or_default(),
    })
}

/// The column `trace` of an envelope.
pub(super) fn trace(envelope: &Envelope) -> Option<&str> {
    envelope.trace.as_ref().map(TraceContext::as_str)
}

/// The column `task` of an envelope.
pub(super) fn task(envelope: &Envelope) -> Result<Option<String>> {
    let firing = envelope.task.as_ref().map(serde_json::to_string).transpose();
    firing.map_err(|error| Failure::Unexpected(error.to_string()))
}
