//! Dead letters: what the indexer gives up, and reading all of them. Those of a turn are written where it fails.

use proto::inbound::Envelope;
use proto::ingest::Malformed;
use proto::time::Timestamp;
use tokio_postgres::Row;

use super::columns::{all, get, time};
use super::failure::{Failure, Result};
use super::inbox;
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use crate::{DeadLetter, Letter};

/// Keeps a message for a group or chat that does not exist.
pub(super) fn put_unclaimed<'a>(envelope: &'a Envelope, reason: String, now: Timestamp) -> Statement<'a> {
    statement!(
        "
        INSERT INTO dead_letters
            (kind, group_id, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, details,
             reason, at)
        VALUES
            ('unclaimed', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ",
        &envelope.group,
        &envelope.dedup_key,
        &envelope.chat,
        &envelope.sender,
        &envelope.sender_name,
        &envelope.text,
        envelope.sent_at,
        envelope.engages,
        inbox::trace(envelope),
        envelope.details.to_json(),
        reason,
        now,
    )
}

/// Keeps the beginning of a message that nobody can read.
pub(super) fn put_malformed(malformed: &Malformed, now: Timestamp) -> Statement<'_> {
    statement!(
        "INSERT INTO dead_letters (kind, subject, text, reason, at) VALUES ('malformed', $1, $2, $3, $4)",
        &malformed.subject,
        &malformed.excerpt,
        &malformed.reason,
        now,
    )
}

pub(super) async fn newest(tx: &Tx, limit: u32) -> Result<Vec<DeadLetter>> {
    let letters = statement!(
        "
        SELECT kind, group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task,
               details, subject, reason, at
        FROM dead_letters
        ORDER BY at DESC, id DESC
        LIMIT $1
        ",
        limit,
    );
    all(&tx.read(letters).await?.rows, |row| {
        Ok(DeadLetter {
            letter: read(row)?,
            reason: get(row, "reason")?,
            at: time(row, "at")?,
        })
    })
}

fn read(row: &Row) -> Result<Letter> {
    match get::<&str>(row, "kind")? {
        "message" => inbox::read(row).map(Letter::Message),
        "unclaimed" => inbox::read_envelope(row).map(Letter::Unclaimed),
        "malformed" => Ok(Letter::Malformed(Malformed {
            subject: get(row, "subject")?,
            reason: get(row, "reason")?,
            excerpt: get(row, "text")?,
        })),
        other => Err(Failure::Unexpected(format!("{other} is no kind of dead letter"))),
    }
}
