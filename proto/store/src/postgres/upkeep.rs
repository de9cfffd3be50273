//! Looking after the rows: numbers, health.

use proto::time::Timestamp;

use super::columns::{count, time};
use super::failure::Result;
use super::parameter::statement;
use super::transaction::Tx;
use crate::Counts;

pub(super) async fn counts(tx: &Tx, now: Timestamp) -> Result<Counts> {
    let counts = statement!(
        "
        SELECT
            (SELECT COUNT(*) FROM groups WHERE NOT removed) AS groups,
            (SELECT COUNT(*) FROM groups
             WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= $1) AS waiting_groups,
            (SELECT COUNT(*) FROM groups WHERE owner IS NOT NULL) AS owned_groups,
            (SELECT COUNT(*) FROM outbox WHERE state IN ('pending', 'sending')) AS outbox_pending,
            (SELECT COUNT(*) FROM outbox WHERE state = 'uncertain') AS outbox_uncertain,
            (SELECT COUNT(*) FROM outbox WHERE state = 'dead') AS outbox_dead,
            (SELECT COUNT(*) FROM dead_letters) AS dead_letters
        ",
        now,
    );
    let answer = tx.read(counts).await?;
    let row = answer.one()?;
    Ok(Counts {
        groups: count(row, "groups")?,
        waiting_groups: count(row, "waiting_groups")?,
        owned_groups: count(row, "owned_groups")?,
        outbox_pending: count(row, "outbox_pending")?,
        outbox_uncertain: count(row, "outbox_uncertain")?,
        outbox_dead: count(row, "outbox_dead")?,
        dead_letters: count(row, "dead_letters")?,
    })
}

pub(super) async fn server_time(tx: &Tx) -> Result<Timestamp> {
    let now = statement!("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS now");
    time(tx.read(now).await?.one()?, "now")
}

/// Commits something to the log of the server without touching a row, so that a full disk or a standby shows.
pub(super) async fn check(tx: &Tx) -> Result<()> {
    tx.write(statement!(
        "SELECT pg_logical_emit_message(TRUE, 'clawhold', 'check') IS NOT NULL"
    ))
    .await?;
    Ok(())
}
