//! Deliveries: the outbox as its channel sees it. Order is kept per chat: only the head of a chat's queue is sent.

use proto::ids::{ChatId, OutboxId};
use proto::lease::holding::Hold;
use proto::outbound::{AfterSend, Delivery, OutboxState};
use proto::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{json_option, parsed, parsed_option, time, word};
use super::leases;
use crate::delivering::Finish;
use crate::{Error, Result, Undelivered};

macro_rules! select_delivery {
    ($rest:literal) => {
        select_delivery!("", "outbox o", $rest)
    };
    ($with:literal, $from:literal, $rest:literal) => {
        concat!(
            $with,
            "
            SELECT o.id, o.chat_id, c.channel, c.account, o.group_id, o.turn_id, o.seq, o.text, o.sender, o.extra,
                   o.state, o.attempts, o.failures, o.sent_through, o.in_doubt, o.created_at, o.error, o.done_at
            FROM ",
            $from,
            "
            JOIN chats c ON c.id = o.chat_id
            ",
            $rest
        )
    };
}

pub(super) fn due(
    conn: &Connection,
    channel: &str,
    account: &str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let due = conn
        .prepare_cached(select_delivery!(
            "
            -- From one chat to the next in the index outbox_open, whose condition is repeated here: what waits behind the head of
            -- its chat is not looked at, however much it is.
            WITH RECURSIVE open (chat_id) AS (
                SELECT MIN(chat_id) FROM outbox WHERE state IN ('pending', 'sending')
                UNION ALL
                SELECT (
                    SELECT MIN(chat_id) FROM outbox WHERE state IN ('pending', 'sending') AND chat_id > open.chat_id
                )
                FROM open WHERE open.chat_id IS NOT NULL
            )
            ",
            // CROSS: in this order, and no other.
            "open CROSS JOIN outbox o ON o.chat_id = open.chat_id AND o.seq = (
                SELECT MIN(seq) FROM outbox WHERE chat_id = open.chat_id AND state IN ('pending', 'sending')
            )",
            "
            WHERE o.state = 'pending' AND o.not_before <= :now AND c.channel = :channel AND c.account = :account
            ORDER BY o.created_at, o.id
            LIMIT :limit
            "
        ))?
        .query_map(
            named_params! { ":now": now.as_millis(), ":channel": channel, ":account": account, ":limit": limit },
            read,
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(due)
}

pub(super) fn begin(conn: &Connection, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>> {
    let (channel, account) = leases::require_account(conn, hold)?;
    // Charged before anything leaves: a process that dies while sending leaves a row that says so.
    let touched = conn
        .prepare_cached(
            "
            UPDATE outbox SET state = 'sending', attempts = attempts + 1
            WHERE id = :id AND state = 'pending' AND not_before <= :now
              AND EXISTS (
                  SELECT 1 FROM chats c WHERE c.id = outbox.chat_id AND c.channel = :channel AND c.account = :account
              )
              AND NOT EXISTS (
                  SELECT 1 FROM outbox earlier
                  WHERE earlier.chat_id = outbox.chat_id AND earlier.seq < outbox.seq
                    AND earlier.state IN ('pending', 'sending')
              )
            ",
        )?
        .execute(named_params! {
            ":id": id.to_string(),
            ":now": now.as_millis(),
            ":channel": channel,
            ":account": account,
        })?;
    if touched == 0 { Ok(None) } else { get(conn, id) }
}

pub(super) fn finish(
    conn: &Connection,
    id: OutboxId,
    attempt: u32,
    after: &AfterSend,
    now: Timestamp,
) -> Result<Option<OutboxId>> {
    let change = Finish::of(after);
    let ended = conn
        .prepare_cached(
            "
            UPDATE outbox SET
                state = :state,
                platform_id = :platform_id,
                error = :error,
                not_before = COALESCE(:not_before, not_before),
                failures = CASE WHEN :progressed THEN 0 ELSE failures + :failed END,
                sent_through = COALESCE(:sent_through, sent_through),
                in_doubt = in_doubt OR :in_doubt,
                done_at = CASE WHEN :state = 'pending' THEN NULL ELSE :now END
            WHERE id = :id AND state = 'sending' AND attempts = :attempt
            RETURNING CASE WHEN :state <> 'pending' THEN (
                SELECT behind.id FROM outbox behind
                WHERE behind.chat_id = outbox.chat_id AND behind.seq > outbox.seq
                  AND behind.state IN ('pending', 'sending')
                ORDER BY behind.seq
                LIMIT 1
            ) END AS behind
            ",
        )?
        .query_row(
            named_params! {
                ":state": change.state.as_str(),
                ":platform_id": change.platform_id,
                ":error": change.error,
                ":not_before": change.not_before.map(|time| time.as_millis()),
                ":progressed": change.progressed,
                ":failed": change.failed,
                ":sent_through": change.sent_through,
                ":in_doubt": change.in_doubt,
                ":now": now.as_millis(),
                ":id": id.to_string(),
                ":attempt": attempt,
            },
            |row| parsed_option(row, "behind"),
        )
        .optional()?;
    match ended {
        Some(behind) => Ok(behind),
        None => match get(conn, id)? {
            None => Err(Error::NotFound {
                what: "delivery",
                id: id.to_string(),
            }),
            // The answer to an earlier try of this very call was lost.
            Some(row) if row.attempts == attempt && row.state == change.state => Ok(None),
            Some(_) => Err(Error::Conflict(format!(
                "attempt {attempt} at delivery {id} is not the one being made"
            ))),
        },
    }
}

pub(super) fn interrupted(conn: &Connection, channel: &str, account: &str) -> Result<Vec<Delivery>> {
    let rows = conn
        .prepare_cached(select_delivery!(
            "
            WHERE o.state IN ('pending', 'sending') AND o.state = 'sending' AND c.channel = ?1 AND c.account = ?2
            ORDER BY o.created_at, o.id
            "
        ))?
        .query_map(params![channel, account], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

pub(super) fn after(conn: &Connection, chat: &ChatId, after_seq: i64, limit: u32) -> Result<Vec<Delivery>> {
    let rows = conn
        .prepare_cached(select_delivery!(
            "
            WHERE o.chat_id = ?1 AND o.seq > ?2
            ORDER BY o.seq
            LIMIT ?3
            "
        ))?
        .query_map(params![chat.as_str(), after_seq, limit], read)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

pub(super) fn undelivered(conn: &Connection, limit: u32) -> Result<Vec<Undelivered>> {
    let rows = conn
        .prepare_cached(select_delivery!(
            "
            WHERE o.state IN ('uncertain', 'dead')
            ORDER BY o.done_at DESC, o.id DESC
            LIMIT ?1
            "
        ))?
        .query_map(params![limit], |row| {
            Ok(Undelivered {
                delivery: read(row)?,
                reason: row.get("error")?,
                at: time(row, "done_at")?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

pub(super) fn get(conn: &Connection, id: OutboxId) -> Result<Option<Delivery>> {
    let row = conn
        .prepare_cached(select_delivery!("WHERE o.id = ?1"))?
        .query_row(params![id.to_string()], read)
        .optional()?;
    Ok(row)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: parsed(row, "id")?,
        chat: ChatId::new(row.get::<_, String>("chat_id")?),
        channel: row.get("channel")?,
        account: row.get("account")?,
        group: parsed(row, "group_id")?,
        turn: parsed_option(row, "turn_id")?,
        seq: row.get("seq")?,
        text: row.get("text")?,
        sender: row.get("sender")?,
        extra: json_option(row, "extra")?,
        state: word(row, "state", OutboxState::parse)?,
        attempts: row.get("attempts")?,
        failures: row.get("failures")?,
        sent_through: row.get("sent_through")?,
        in_doubt: row.get("in_doubt")?,
        created_at: time(row, "created_at")?,
    })
}
