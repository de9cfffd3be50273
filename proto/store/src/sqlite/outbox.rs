//! Putting something into the outbox, at the end of its chat's queue.

use proto::ids::{ChatId, Epoch, GroupId, OutboxId, TurnId};
use proto::outbound::{Extra, Reply};
use proto::time::Timestamp;
use proto::turn::Recorded;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::parsed;
use super::{chats, groups};
use crate::{Error, Result};

/// What a new row says about itself beside the reply.
pub(super) struct Origin<'a> {
    pub(super) group: &'a GroupId,
    /// None for a notice of the system.
    pub(super) turn: Option<TurnId>,
    /// Claim in which it was made.
    pub(super) epoch: Epoch,
    /// Sent before its turn committed.
    pub(super) early: bool,
    pub(super) now: Timestamp,
}

pub(super) fn push(conn: &Connection, origin: &Origin<'_>, key: &str, reply: &Reply, id: OutboxId) -> Result<()> {
    let seq = next_seq(conn, &reply.chat)?;
    conn.prepare_cached(
        "
        INSERT INTO outbox
            (id, chat_id, seq, group_id, turn_id, early, key, text, sender, extra, state,
             said_epoch, created_at)
        VALUES
            (:id, :chat, :seq, :group, :turn, :early, :key, :text, :sender, :extra, 'pending',
             :epoch, :now)
        ",
    )?
    .execute(named_params! {
        ":id": id.to_string(),
        ":chat": reply.chat.as_str(),
        ":seq": seq,
        ":group": origin.group.as_str(),
        ":turn": origin.turn.map(|turn| turn.to_string()),
        ":early": origin.early,
        ":key": key,
        ":text": reply.text,
        ":sender": reply.sender,
        ":extra": reply.extra.as_ref().map(Extra::to_json),
        ":epoch": origin.epoch.0,
        ":now": origin.now.as_millis(),
    })?;
    Ok(())
}

pub(super) fn put_notice(
    conn: &Connection,
    key: &str,
    reply: &Reply,
    fresh: OutboxId,
    now: Timestamp,
) -> Result<Recorded> {
    let known: Option<OutboxId> = conn
        .prepare_cached("SELECT id FROM outbox WHERE key = ?1 AND turn_id IS NULL")?
        .query_row(params![key], |row| parsed(row, "id"))
        .optional()?;
    if let Some(known) = known {
        return Ok(Recorded::Already(known));
    }
    let chat = chats::get(conn, &reply.chat)?.ok_or_else(|| chats::not_found(&reply.chat))?;
    let group = chat
        .group
        .ok_or_else(|| Error::Conflict(format!("chat {} belongs to no group", reply.chat)))?;
    groups::require(conn, &group)?;
    let origin = Origin {
        group: &group,
        turn: None,
        epoch: Epoch::ZERO,
        early: false,
        now,
    };
    push(conn, &origin, key, reply, fresh)?;
    Ok(Recorded::New(fresh))
}

/// Draws the next position of a chat. Kept in the chat's row and not counted from the outbox, so that retention cannot
/// make a position appear twice.
fn next_seq(conn: &Connection, chat: &ChatId) -> Result<i64> {
    conn.prepare_cached("UPDATE chats SET outbox_seq = outbox_seq + 1 WHERE id = ?1 RETURNING outbox_seq")?
        .query_row(params![chat.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| chats::not_found(chat))
}
