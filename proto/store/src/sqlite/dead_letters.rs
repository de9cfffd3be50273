//! Dead letters: what the indexer gives up, and reading all of them. Those of a turn are written where it fails.

use proto::inbound::Envelope;
use proto::ingest::Malformed;
use proto::time::Timestamp;
use rusqlite::{Connection, Row, named_params, params};

use super::columns::{time, unreadable_word};
use super::inbox;
use crate::{DeadLetter, Letter, Result};

/// Keeps a message for a group or chat that does not exist.
pub(super) fn put_unclaimed(conn: &Connection, envelope: &Envelope, reason: &str, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "
        INSERT INTO dead_letters
            (kind, group_id, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task, details,
             reason, at)
        VALUES
            ('unclaimed', :group, :dedup_key, :chat, :sender, :sender_name, :text, :sent_at, :engages, :trace, :task,
             :details, :reason, :now)
        ",
    )?
    .execute(named_params! {
        ":group": envelope.group.as_str(),
        ":dedup_key": envelope.dedup_key,
        ":chat": envelope.chat.as_str(),
        ":sender": envelope.sender,
        ":sender_name": envelope.sender_name,
        ":text": envelope.text,
        ":sent_at": envelope.sent_at.as_millis(),
        ":engages": envelope.engages,
        ":trace": envelope.trace.as_ref().map(|trace| trace.as_str()),
        ":task": inbox::task_column(envelope)?,
        ":details": envelope.details.to_json(),
        ":reason": reason,
        ":now": now.as_millis(),
    })?;
    Ok(())
}

/// Keeps the beginning of a message that nobody can read.
pub(super) fn put_malformed(conn: &Connection, malformed: &Malformed, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO dead_letters (kind, subject, text, reason, at) VALUES ('malformed', ?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        malformed.subject,
        malformed.excerpt,
        malformed.reason,
        now.as_millis()
    ])?;
    Ok(())
}

pub(super) fn newest(conn: &Connection, limit: u32) -> Result<Vec<DeadLetter>> {
    let letters = conn
        .prepare_cached(
            "
            SELECT kind, group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task,
                   details, subject, reason, at
            FROM dead_letters
            ORDER BY at DESC, id DESC
            LIMIT ?1
            ",
        )?
        .query_map(params![limit], |row| {
            Ok(DeadLetter {
                letter: read(row)?,
                reason: row.get("reason")?,
                at: time(row, "at")?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(letters)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Letter> {
    let kind: String = row.get("kind")?;
    match kind.as_str() {
        "message" => inbox::read(row).map(Letter::Message),
        "unclaimed" => inbox::read_envelope(row).map(Letter::Unclaimed),
        "malformed" => Ok(Letter::Malformed(Malformed {
            subject: row.get("subject")?,
            reason: row.get("reason")?,
            excerpt: row.get("text")?,
        })),
        _ => Err(unreadable_word(row, "kind", kind)),
    }
}
