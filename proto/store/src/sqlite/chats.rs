//! Chats: discovery and registration.

use proto::group::{Chat, ChatSeen};
use proto::ids::{ChatId, GroupId};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{parsed_option, time};
use super::error::one_row;
use super::groups;
use crate::{Error, Result};

/// Takes in what an event says (DB-12).
pub(super) fn see(conn: &Connection, seen: &ChatSeen) -> Result<Chat> {
    let chat = conn
        .prepare_cached(
            "
            INSERT INTO chats (id, channel, account, name, is_group_chat, parent_id, last_seen_at)
            VALUES (:id, :channel, :account, :name, COALESCE(:is_group_chat, 0), :parent, :seen_at)
            ON CONFLICT (id) DO UPDATE SET
                channel = excluded.channel,
                account = excluded.account,
                name = COALESCE(:name, name),
                is_group_chat = COALESCE(:is_group_chat, is_group_chat),
                parent_id = COALESCE(:parent, parent_id),
                last_seen_at = MAX(last_seen_at, excluded.last_seen_at)
            RETURNING id, channel, account, name, is_group_chat, group_id, parent_id, last_seen_at
            ",
        )?
        .query_row(
            named_params! {
                ":id": seen.id.as_str(),
                ":channel": seen.channel,
                ":account": seen.account,
                ":name": seen.name,
                ":is_group_chat": seen.is_group_chat,
                ":parent": seen.parent.as_ref().map(ChatId::as_str),
                ":seen_at": seen.seen_at.as_millis(),
            },
            read,
        )?;
    Ok(chat)
}

pub(super) fn register(conn: &Connection, chat: &ChatId, group: Option<&GroupId>) -> Result<()> {
    if let Some(group) = group {
        groups::require(conn, group)?;
    }
    let touched = conn
        .prepare_cached("UPDATE chats SET group_id = ?2 WHERE id = ?1")?
        .execute(params![chat.as_str(), group.map(GroupId::as_str)])?;
    one_row(touched, || not_found(chat))?;
    // Its threads go along.
    conn.prepare_cached("UPDATE chats SET group_id = ?2 WHERE parent_id = ?1")?
        .execute(params![chat.as_str(), group.map(GroupId::as_str)])?;
    Ok(())
}

pub(super) fn get(conn: &Connection, id: &ChatId) -> Result<Option<Chat>> {
    let chat = conn
        .prepare_cached(
            "
            SELECT id, channel, account, name, is_group_chat, group_id, parent_id, last_seen_at FROM chats WHERE id = ?1
            ",
        )?
        .query_row(params![id.as_str()], read)
        .optional()?;
    Ok(chat)
}

pub(super) fn all(conn: &Connection) -> Result<Vec<Chat>> {
    let chats = conn
        .prepare_cached(
            "
            SELECT id, channel, account, name, is_group_chat, group_id, parent_id, last_seen_at
            FROM chats ORDER BY last_seen_at DESC, id
            ",
        )?
        .query_map([], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(chats)
}

pub(super) fn not_found(id: &ChatId) -> Error {
    Error::NotFound {
        what: "chat",
        id: id.to_string(),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: ChatId::new(row.get::<_, String>("id")?),
        channel: row.get("channel")?,
        account: row.get("account")?,
        name: row.get("name")?,
        is_group_chat: row.get("is_group_chat")?,
        group: parsed_option(row, "group_id")?,
        parent: row.get::<_, Option<String>>("parent_id")?.map(ChatId::new),
        last_seen_at: time(row, "last_seen_at")?,
    })
}
