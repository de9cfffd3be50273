//! Chats: discovery and registration.

use proto::group::{Chat, ChatSeen};
use proto::ids::{ChatId, GroupId};
use tokio_postgres::Row;

use super::columns::{self, get, parsed_option, time};
use super::failure::Result;
use super::groups;
use super::parameter::statement;
use super::transaction::Tx;
use crate::Error;

/// Takes in what an event says (DB-12).
pub(super) async fn see(tx: &Tx, seen: &ChatSeen) -> Result<Chat> {
    let see = statement!(
        "
        INSERT INTO chats AS c (id, channel, account, name, is_group_chat, last_seen_at, parent_id)
        VALUES ($1, $2, $3, $4, COALESCE($5, FALSE), $6, $7)
        ON CONFLICT (id) DO UPDATE SET
            channel = excluded.channel,
            account = excluded.account,
            name = COALESCE(excluded.name, c.name),
            is_group_chat = COALESCE($5, c.is_group_chat),
            parent_id = COALESCE(excluded.parent_id, c.parent_id),
            last_seen_at = GREATEST(c.last_seen_at, excluded.last_seen_at)
        RETURNING id, channel, account, name, is_group_chat, group_id, parent_id, last_seen_at
        ",
        seen.id.as_str(),
        &seen.channel,
        &seen.account,
        &seen.name,
        seen.is_group_chat,
        seen.seen_at,
        seen.parent.as_ref().map(ChatId::as_str),
    );
    read(tx.write(see).await?.one()?)
}

pub(super) async fn register(tx: &Tx, chat: &ChatId, group: Option<&GroupId>) -> Result<()> {
    // The group first, then the chat, as everybody takes them. Held until the end, so that nobody removes it meanwhile.
    let lock = statement!("SELECT 1 FROM groups WHERE id = $1 AND NOT removed FOR SHARE", group);
    let [answer] = tx.begin([lock]).await?;
    if let (Some(group), None) = (group, answer.row()) {
        return Err(groups::not_found(group).into());
    }
    // The chat and its threads, by id as everybody locks them.
    let lock = statement!(
        "SELECT 1 FROM chats WHERE id = $1 OR parent_id = $1 ORDER BY id FOR NO KEY UPDATE",
        chat
    );
    let register = statement!("UPDATE chats SET group_id = $2 WHERE id = $1 RETURNING 1", chat, group);
    let threads = statement!("UPDATE chats SET group_id = $2 WHERE parent_id = $1", chat, group);
    let [_, answer, _] = tx.commit([lock, register, threads]).await?;
    answer.row().map(|_| ()).ok_or_else(|| not_found(chat).into())
}

pub(super) async fn find(tx: &Tx, id: &ChatId) -> Result<Option<Chat>> {
    let chat = statement!(
        "SELECT id, channel, account, name, is_group_chat, group_id, parent_id, last_seen_at FROM chats WHERE id = $1",
        id,
    );
    tx.read(chat).await?.row().map(read).transpose()
}

pub(super) async fn all(tx: &Tx) -> Result<Vec<Chat>> {
    let chats = statement!(
        "
        SELECT id, channel, account, name, is_group_chat, group_id, parent_id, last_seen_at
        FROM chats ORDER BY last_seen_at DESC, id
        "
    );
    columns::all(&tx.read(chats).await?.rows, read)
}

pub(super) fn not_found(id: &ChatId) -> Error {
    Error::NotFound {
        what: "chat",
        id: id.to_string(),
    }
}

fn read(row: &Row) -> Result<Chat> {
    Ok(Chat {
        id: ChatId::new(get::<String>(row, "id")?),
        channel: get(row, "channel")?,
        account: get(row, "account")?,
        name: get(row, "name")?,
        is_group_chat: get(row, "is_group_chat")?,
        group: parsed_option(row, "group_id")?,
        parent: get::<Option<String>>(row, "parent_id")?.map(ChatId::new),
        last_seen_at: time(row, "last_seen_at")?,
    })
}
