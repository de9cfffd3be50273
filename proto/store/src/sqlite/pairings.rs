//! Chats that ask to be brought to a group, and what was done about them.

use proto::command::{PAIRING_LASTS, PAIRINGS_OPEN_MAX, PairCode, Pairing};
use proto::ids::{ChatId, Epoch, GroupId, OutboxId};
use proto::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{parsed, time};
use super::outbox::{self, Origin};
use super::{audit, chats};
use crate::Result;
use crate::pairing::{self, Asked};

pub(super) fn ask(
    conn: &Connection,
    chat: &ChatId,
    fresh: &PairCode,
    notice_id: OutboxId,
    now: Timestamp,
) -> Result<Asked> {
    let known = chats::get(conn, chat)?.ok_or_else(|| chats::not_found(chat))?;
    pairing::require_unregistered(&known)?;
    conn.prepare_cached("DELETE FROM pairings WHERE asked_at <= ?1")?
        .execute(params![(now - PAIRING_LASTS).as_millis()])?;
    let open = all(conn, now)?;
    if let Some(before) = open.iter().find(|pairing| pairing.chat == *chat) {
        return Ok(Asked::Before(before.code.clone()));
    }
    if open.len() >= PAIRINGS_OPEN_MAX as usize {
        return Ok(Asked::TooMany);
    }
    let main: Option<GroupId> = conn
        .prepare_cached("SELECT id FROM groups WHERE is_main = 1 AND removed = 0 ORDER BY id LIMIT 1")?
        .query_row([], |row| parsed(row, "id"))
        .optional()?;
    let main = main.ok_or_else(pairing::no_main)?;
    conn.prepare_cached("INSERT INTO pairings (chat_id, code, asked_at) VALUES (?1, ?2, ?3)")?
        .execute(params![chat.as_str(), fresh.as_str(), now.as_millis()])?;
    let origin = Origin {
        group: &main,
        turn: None,
        epoch: Epoch::ZERO,
        early: false,
        now,
    };
    let notice = pairing::notice(chat, fresh);
    outbox::push(conn, &origin, &notice.key, &notice, notice_id)?;
    Ok(Asked::Now(fresh.clone()))
}

pub(super) fn all(conn: &Connection, now: Timestamp) -> Result<Vec<Pairing>> {
    let open = conn
        .prepare_cached("SELECT code, chat_id, asked_at FROM pairings WHERE asked_at > ?1 ORDER BY asked_at, code")?
        .query_map(params![(now - PAIRING_LASTS).as_millis()], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(open)
}

pub(super) fn end(
    conn: &Connection,
    code: &PairCode,
    group: Option<&GroupId>,
    by: &str,
    now: Timestamp,
) -> Result<ChatId> {
    let open = all(conn, now)?.into_iter().find(|pairing| pairing.code == *code);
    let chat = open.ok_or_else(|| pairing::not_found(code))?.chat;
    if let Some(group) = group {
        chats::register(conn, &chat, Some(group))?;
    }
    conn.prepare_cached("DELETE FROM pairings WHERE code = ?1")?
        .execute(params![code.as_str()])?;
    audit::note(conn, &pairing::act(&chat, group, by, now))?;
    Ok(chat)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pairing> {
    let code: String = row.get("code")?;
    Ok(Pairing {
        code: PairCode::parse(&code)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?,
        chat: ChatId::new(row.get::<_, String>("chat_id")?),
        asked_at: time(row, "asked_at")?,
    })
}
