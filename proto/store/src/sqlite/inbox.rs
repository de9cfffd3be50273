//! The inbox: appending to it, and reading it in order.

use proto::claim::Fence;
use proto::ids::{ChatId, GroupId, InboxOrd};
use proto::inbound::{Envelope, InboxMessage};
use proto::prompt::{MESSAGES_MAX, PENDING_MAX, choose_batch};
use proto::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{json_option, parsed, stored, time, trace};
use super::error::unavailable;
use super::{chats, fence, groups, readiness};
use crate::{Appended, Result};

pub(super) fn append(conn: &Connection, envelope: &Envelope, now: Timestamp) -> Result<Appended> {
    let known = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE dedup_key = ?1)")?
        .query_row(params![envelope.dedup_key], |row| row.get::<_, bool>(0))?;
    if known {
        return Ok(Appended::Duplicate);
    }
    if chats::get(conn, &envelope.chat)?.is_none() {
        return Err(chats::not_found(&envelope.chat));
    }
    let task = task_column(envelope)?;
    // The position is drawn and used in one transaction of the one writer: positions grow in the order in which they
    // become visible, whatever the platform's clock says (DB-D4).
    let ord: Option<i64> = conn
        .prepare_cached(
            "
            UPDATE groups SET
                head_ord = head_ord + 1,
                ready_at = CASE WHEN :engages THEN COALESCE(ready_at, :now) ELSE ready_at END,
                -- A person makes it theirs; a task takes it only where nobody waits.
                ready_kind = CASE
                    WHEN :engages AND :task IS NULL THEN 'interactive'
                    WHEN :engages AND ready_at IS NULL THEN 'task'
                    ELSE ready_kind
                END
            WHERE id = :group AND removed = 0
            RETURNING head_ord
            ",
        )?
        .query_row(
            named_params! {
                ":engages": envelope.engages,
                ":task": task,
                ":now": now.as_millis(),
                ":group": envelope.group.as_str(),
            },
            |row| row.get(0),
        )
        .optional()?;
    let ord = ord.ok_or_else(|| groups::not_found(&envelope.group))?;
    conn.prepare_cached(
        "
        INSERT INTO messages
            (group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task,
             details, arrived_at)
        VALUES
            (:group, :ord, :dedup_key, :chat, :sender, :sender_name, :text, :sent_at, :engages, :trace, :task,
             :details, :now)
        ",
    )?
    .execute(named_params! {
        ":group": envelope.group.as_str(),
        ":ord": ord,
        ":dedup_key": envelope.dedup_key,
        ":chat": envelope.chat.as_str(),
        ":sender": envelope.sender,
        ":sender_name": envelope.sender_name,
        ":text": envelope.text,
        ":sent_at": envelope.sent_at.as_millis(),
        ":engages": envelope.engages,
        ":trace": envelope.trace.as_ref().map(|trace| trace.as_str()),
        ":task": task,
        ":details": envelope.details.to_json(),
        ":now": now.as_millis(),
    })?;
    Ok(Appended::Stored(InboxOrd(ord)))
}

/// Messages after a position, oldest first.
pub(super) fn after(conn: &Connection, group: &GroupId, after: InboxOrd, limit: usize) -> Result<Vec<InboxMessage>> {
    let messages = conn
        .prepare_cached(
            "
            SELECT group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task,
                   details
            FROM messages
            WHERE group_id = ?1 AND ord > ?2
            ORDER BY ord
            LIMIT ?3
            ",
        )?
        .query_map(params![group.as_str(), after.0, stored(limit as u64)], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(messages)
}

/// Newest chatter that was covered without having been shown to the group's session, oldest first.
pub(super) fn unseen(conn: &Connection, group: &GroupId, cursor: InboxOrd) -> Result<Vec<InboxMessage>> {
    let mut messages: Vec<InboxMessage> = conn
        .prepare_cached(
            "
            SELECT group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task,
                   details
            FROM messages
            WHERE group_id = ?1 AND ord > (SELECT shown_ord FROM groups WHERE id = ?1) AND ord <= ?2 AND engages = 0
            ORDER BY ord DESC
            LIMIT ?3
            ",
        )?
        .query_map(params![group.as_str(), cursor.0, stored(MESSAGES_MAX as u64)], read)?
        .collect::<rusqlite::Result<_>>()?;
    messages.reverse();
    Ok(messages)
}

/// The column `task` of an envelope.
pub(super) fn task_column(envelope: &Envelope) -> Result<Option<String>> {
    let firing = envelope.task.as_ref().map(serde_json::to_string).transpose();
    firing.map_err(|error| unavailable(error.to_string()))
}

/// What the agent may be handed beside what it works on.
pub(super) fn follow_ups(conn: &Connection, fence: &Fence, seen: InboxOrd) -> Result<Vec<InboxMessage>> {
    fence::check(conn, fence)?;
    // Asked first, from an index: every message makes a warm sandbox look, and most of them are chatter.
    if !readiness::engaging_after(conn, &fence.group, seen)? {
        return Ok(Vec::new());
    }
    let pending = after(conn, &fence.group, seen, PENDING_MAX)?;
    Ok(choose_batch(&pending).map(<[_]>::to_vec).unwrap_or_default())
}

/// Reads a row of `messages` or `dead_letters`.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<InboxMessage> {
    Ok(InboxMessage {
        ord: InboxOrd(row.get("ord")?),
        envelope: read_envelope(row)?,
    })
}

/// Reads what arrived.
pub(super) fn read_envelope(row: &Row<'_>) -> rusqlite::Result<Envelope> {
    Ok(Envelope {
        dedup_key: row.get("dedup_key")?,
        group: parsed(row, "group_id")?,
        chat: ChatId::new(row.get::<_, String>("chat_id")?),
        sender: row.get("sender")?,
        sender_name: row.get("sender_name")?,
        text: row.get("text")?,
        sent_at: time(row, "sent_at")?,
        engages: row.get("engages")?,
        trace: trace(row, "trace")?,
        task: json_option(row, "task")?,
        details: json_option(row, "details")?.unwrap_or_default(),
    })
}
