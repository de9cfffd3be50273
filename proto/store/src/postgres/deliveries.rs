//! Deliveries: the outbox as its channel sees it. Order is kept per chat: only the head of a chat's queue is sent.

use proto::ids::{ChatId, OutboxId, TurnId};
use proto::lease::holding::{Hold, LeaseName};
use proto::outbound::{AfterSend, Delivery, OutboxState};
use proto::time::Timestamp;
use tokio_postgres::Row;

use super::columns::{all, count, get, json_option, parsed, time, word};
use super::failure::Result;
use super::leases;
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use crate::delivering::Finish;
use crate::{Error, Undelivered};

macro_rules! select_delivery {
    ($rest:literal) => {
        select_delivery!("", $rest)
    };
    ($with:literal, $rest:literal) => {
        concat!(
            $with,
            "
            SELECT o.id, o.chat_id, c.channel, c.account, o.group_id, o.turn_id, o.seq, o.text, o.sender, o.extra,
                   o.state, o.attempts, o.failures, o.sent_through, o.in_doubt, o.created_at, o.error, o.done_at
            FROM outbox o
            JOIN chats c ON c.id = o.chat_id
            ",
            $rest
        )
    };
}

pub(super) async fn due(tx: &Tx, channel: &str, account: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
    let due = statement!(
        select_delivery!(
            "
            -- From one chat to the next in the index outbox_open, whose condition is repeated here: what waits behind the head of
            -- its chat is not looked at, however much it is.
            WITH RECURSIVE head AS (
                (
                    SELECT chat_id, seq FROM outbox WHERE state IN ('pending', 'sending') ORDER BY chat_id, seq LIMIT 1
                )
                UNION ALL
                SELECT next.chat_id, next.seq
                FROM head
                CROSS JOIN LATERAL (
                    SELECT chat_id, seq FROM outbox
                    WHERE state IN ('pending', 'sending') AND chat_id > head.chat_id
                    ORDER BY chat_id, seq
                    LIMIT 1
                ) next
            )
            ",
            "
            JOIN head ON head.chat_id = o.chat_id AND head.seq = o.seq
            WHERE o.state = 'pending' AND o.not_before <= $3 AND c.channel = $1 AND c.account = $2
            ORDER BY o.created_at, o.id
            LIMIT $4
            "
        ),
        channel,
        account,
        now,
        limit,
    );
    all(&tx.read(due).await?.rows, read)
}

/// Cannot charge twice: of two that see the row pending, the second waits for the first and finds it sending. That an
/// earlier row blocks it is read from the snapshot, which errs on the safe side: rows of a chat become visible in their
/// order, and one that is done stays so. The lease is locked as it is by then, whatever the snapshot says.
pub(super) async fn begin(tx: &Tx, hold: &Hold, id: OutboxId, now: Timestamp) -> Result<Option<Delivery>> {
    let LeaseName::Account { channel, account } = &hold.name else {
        return Err(leases::lost(hold).into());
    };
    // Charged before anything leaves: a process that dies while sending leaves a row that says so.
    let charge = statement!(
        "
        WITH held AS MATERIALIZED (
            -- Shared: many deliveries of an account are charged at once, and renewals pass.
            SELECT 1 FROM accounts WHERE channel = $3 AND account = $4 AND holder = $5 AND epoch = $6
            FOR KEY SHARE
        ), charged AS (
            UPDATE outbox o SET state = 'sending', attempts = o.attempts + 1
            FROM chats c CROSS JOIN held
            WHERE o.id = $1 AND o.state = 'pending' AND o.not_before <= $2
              AND c.id = o.chat_id AND c.channel = $3 AND c.account = $4
              AND NOT EXISTS (
                  SELECT 1 FROM outbox earlier
                  WHERE earlier.chat_id = o.chat_id AND earlier.seq < o.seq AND earlier.state IN ('pending', 'sending')
              )
            RETURNING o.id, o.chat_id, c.channel, c.account, o.group_id, o.turn_id, o.seq, o.text, o.sender, o.extra,
                      o.state, o.attempts, o.failures, o.sent_through, o.in_doubt, o.created_at
        )
        SELECT charged.id IS NOT NULL AS is_charged, charged.* FROM held LEFT JOIN charged ON TRUE
        ",
        id,
        now,
        channel,
        account,
        &hold.holder,
        hold.epoch,
    );
    let charged = tx.write(charge).await?;
    let row = charged.row().ok_or_else(|| leases::lost(hold))?;
    if get(row, "is_charged")? {
        read(row).map(Some)
    } else {
        Ok(None)
    }
}

pub(super) async fn finish(
    tx: &Tx,
    id: OutboxId,
    attempt: u32,
    after: &AfterSend,
    now: Timestamp,
) -> Result<Option<OutboxId>> {
    let change = Finish::of(after);
    let finish = statement!(
        "
        UPDATE outbox SET
            state = $3,
            platform_id = $4,
            error = $5,
            not_before = COALESCE($6, not_before),
            failures = CASE WHEN $8 THEN 0 ELSE failures + $9 END,
            sent_through = COALESCE($10, sent_through),
            in_doubt = in_doubt OR $11,
            done_at = CASE WHEN $3 = 'pending' THEN NULL ELSE $7 END
        WHERE id = $1 AND state = 'sending' AND attempts = $2
        RETURNING CASE WHEN $3 <> 'pending' THEN (
            SELECT behind.id FROM outbox behind
            WHERE behind.chat_id = outbox.chat_id AND behind.seq > outbox.seq AND behind.state IN ('pending', 'sending')
            ORDER BY behind.seq
            LIMIT 1
        ) END AS behind
        ",
        id,
        attempt,
        change.state.as_str(),
        change.platform_id,
        change.error,
        change.not_before,
        now,
        change.progressed,
        change.failed,
        change.sent_through,
        change.in_doubt,
    );
    if let Some(row) = tx.write(finish).await?.row() {
        return Ok(get::<Option<uuid::Uuid>>(row, "behind")?.map(OutboxId));
    }
    match find(tx, id).await? {
        None => Err(Error::NotFound {
            what: "delivery",
            id: id.to_string(),
        }
        .into()),
        // The answer to an earlier try of this very call was lost.
        Some(row) if row.attempts == attempt && row.state == change.state => Ok(None),
        Some(_) => Err(Error::Conflict(format!("attempt {attempt} at delivery {id} is not the one being made")).into()),
    }
}

pub(super) async fn interrupted(tx: &Tx, channel: &str, account: &str) -> Result<Vec<Delivery>> {
    let interrupted = statement!(
        select_delivery!(
            "
            WHERE o.state IN ('pending', 'sending') AND o.state = 'sending' AND c.channel = $1 AND c.account = $2
            ORDER BY o.created_at, o.id
            "
        ),
        channel,
        account,
    );
    all(&tx.read(interrupted).await?.rows, read)
}

pub(super) async fn after(tx: &Tx, chat: &ChatId, after_seq: i64, limit: u32) -> Result<Vec<Delivery>> {
    let after = statement!(
        select_delivery!(
            "
            WHERE o.chat_id = $1 AND o.seq > $2
            ORDER BY o.seq
            LIMIT $3
            "
        ),
        chat,
        after_seq,
        limit,
    );
    all(&tx.read(after).await?.rows, read)
}

pub(super) async fn undelivered(tx: &Tx, limit: u32) -> Result<Vec<Undelivered>> {
    let undelivered = statement!(
        select_delivery!(
            "
            WHERE o.state IN ('uncertain', 'dead')
            ORDER BY o.done_at DESC, o.id DESC
            LIMIT $1
            "
        ),
        limit,
    );
    all(&tx.read(undelivered).await?.rows, |row| {
        Ok(Undelivered {
            delivery: read(row)?,
            reason: get(row, "error")?,
            at: time(row, "done_at")?,
        })
    })
}

async fn find(tx: &Tx, id: OutboxId) -> Result<Option<Delivery>> {
    tx.read(look_up(id)).await?.row().map(read).transpose()
}

pub(super) fn look_up(id: OutboxId) -> Statement<'static> {
    statement!(select_delivery!("WHERE o.id = $1"), id)
}

pub(super) fn read(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: OutboxId(get(row, "id")?),
        chat: ChatId::new(get::<String>(row, "chat_id")?),
        channel: get(row, "channel")?,
        account: get(row, "account")?,
        group: parsed(row, "group_id")?,
        turn: get::<Option<uuid::Uuid>>(row, "turn_id")?.map(TurnId),
        seq: get(row, "seq")?,
        text: get(row, "text")?,
        sender: get(row, "sender")?,
        extra: json_option(row, "extra")?,
        state: word(row, "state", OutboxState::parse)?,
        attempts: count(row, "attempts")?,
        failures: count(row, "failures")?,
        sent_through: count(row, "sent_through")?,
        in_doubt: get(row, "in_doubt")?,
        created_at: time(row, "created_at")?,
    })
}
