//! Chats that ask to be brought to a group, what was done about them, and who did it.

use proto::command::{PAIRING_LASTS, PAIRINGS_OPEN_MAX, PairCode, Pairing};
use proto::ids::{ChatId, Epoch, GroupId, OutboxId};
use proto::time::Timestamp;
use tokio_postgres::Row;

use super::columns::{self, get, parsed_option, time, unreadable};
use super::failure::Result;
use super::outbox::{self, Origin, Queues};
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use super::{chats, groups};
use crate::AuditEntry;
use crate::pairing::{self, Asked};

pub(super) async fn ask(
    tx: &Tx,
    chat: &ChatId,
    fresh: &PairCode,
    notice_id: OutboxId,
    now: Timestamp,
) -> Result<Asked> {
    let notice = pairing::notice(chat, fresh);
    let known = statement!("SELECT group_id FROM chats WHERE id = $1", chat);
    let main = statement!("SELECT id FROM groups WHERE is_main AND NOT removed ORDER BY id LIMIT 1");
    // Two that ask for one chat meet at its lock; the second finds the first's code in its next statement. Of many chats
    // that ask at once a few may be one too many, which harms nobody.
    let [queue, known, open, main] = tx.begin([outbox::lock([&notice]), known, find_open(now), main]).await?;
    let row = known.row().ok_or_else(|| chats::not_found(chat))?;
    if let Some(group) = parsed_option::<GroupId>(row, "group_id")? {
        return Err(pairing::registered(chat, &group).into());
    }
    let open = columns::all(&open.rows, read)?;
    if let Some(before) = open.iter().find(|pairing| pairing.chat == *chat) {
        return Ok(Asked::Before(before.code.clone()));
    }
    if open.len() >= PAIRINGS_OPEN_MAX as usize {
        return Ok(Asked::TooMany);
    }
    let main: GroupId = columns::parsed(main.row().ok_or_else(pairing::no_main)?, "id")?;
    let forget = statement!("DELETE FROM pairings WHERE asked_at <= $1", now - PAIRING_LASTS);
    let put = statement!(
        "INSERT INTO pairings (chat_id, code, asked_at) VALUES ($1, $2, $3)",
        chat,
        fresh.as_str(),
        now,
    );
    let origin = Origin {
        group: &main,
        turn: None,
        epoch: Epoch::ZERO,
        early: false,
        now,
    };
    let say = outbox::push(
        Queues::read(&queue)?,
        &origin,
        [(notice.key.as_str(), &notice, notice_id)],
    );
    tx.commit([forget, put, say]).await?;
    Ok(Asked::Now(fresh.clone()))
}

pub(super) async fn all(tx: &Tx, now: Timestamp) -> Result<Vec<Pairing>> {
    columns::all(&tx.read(find_open(now)).await?.rows, read)
}

pub(super) async fn end(tx: &Tx, code: &PairCode, group: Option<&GroupId>, by: &str, now: Timestamp) -> Result<ChatId> {
    // The group first, then the chats, as everybody takes them.
    let lock = statement!("SELECT 1 FROM groups WHERE id = $1 AND NOT removed FOR SHARE", group);
    let take = statement!(
        "DELETE FROM pairings WHERE code = $1 AND asked_at > $2 RETURNING chat_id",
        code.as_str(),
        now - PAIRING_LASTS,
    );
    let [locked, taken] = tx.begin([lock, take]).await?;
    if let (Some(group), None) = (group, locked.row()) {
        return Err(groups::not_found(group).into());
    }
    let row = taken.row().ok_or_else(|| pairing::not_found(code))?;
    let chat = ChatId::new(get::<String>(row, "chat_id")?);
    let act = pairing::act(&chat, group, by, now);
    let chats = statement!(
        "SELECT 1 FROM chats WHERE id = $1 OR parent_id = $1 ORDER BY id FOR NO KEY UPDATE",
        &chat
    );
    let register = statement!(
        "UPDATE chats SET group_id = $2 WHERE $2 IS NOT NULL AND (id = $1 OR parent_id = $1)",
        &chat,
        group,
    );
    tx.commit([chats, register, note(&act)]).await?;
    Ok(chat)
}

pub(super) async fn newest_audit(tx: &Tx, limit: u32) -> Result<Vec<AuditEntry>> {
    let newest = statement!(
        "SELECT at, actor, action, subject, detail FROM audit ORDER BY id DESC LIMIT $1",
        limit,
    );
    columns::all(&tx.read(newest).await?.rows, |row| {
        Ok(AuditEntry {
            at: time(row, "at")?,
            actor: get(row, "actor")?,
            action: get(row, "action")?,
            subject: get(row, "subject")?,
            detail: get(row, "detail")?,
        })
    })
}

fn find_open<'a>(now: Timestamp) -> Statement<'a> {
    statement!(
        "SELECT code, chat_id, asked_at FROM pairings WHERE asked_at > $1 ORDER BY asked_at, code",
        now - PAIRING_LASTS,
    )
}

fn note(entry: &AuditEntry) -> Statement<'_> {
    statement!(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)",
        entry.at,
        &entry.actor,
        &entry.action,
        &entry.subject,
        &entry.detail,
    )
}

fn read(row: &Row) -> Result<Pairing> {
    Ok(Pairing {
        code: PairCode::parse(get(row, "code")?).map_err(|_| unreadable("code"))?,
        chat: ChatId::new(get::<String>(row, "chat_id")?),
        asked_at: time(row, "asked_at")?,
    })
}
