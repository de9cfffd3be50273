//! Receipts: what a platform says about messages it had accepted.

use proto::ids::OutboxId;
use proto::outbound::{AfterReceipt, Receipt, decide_after_receipt};
use proto::time::Timestamp;

use super::columns::json_option;
use super::deliveries;
use super::failure::Result;
use super::parameter::statement;
use super::transaction::Tx;
use crate::Noted;
use crate::delivering::{noted, noted_before, state_after};

/// The row is locked first: of two receipts, and of a receipt and the end of an attempt, the second sees what the first did.
pub(super) async fn note(tx: &Tx, receipt: &Receipt, now: Timestamp) -> Result<Noted> {
    let lock = statement!("SELECT receipt FROM outbox WHERE id = $1 FOR UPDATE", receipt.delivery);
    let [known, found] = tx.begin([lock, deliveries::look_up(receipt.delivery)]).await?;
    let row = found.row().map(deliveries::read).transpose()?;
    let known: Option<Receipt> = known
        .row()
        .map(|row| json_option(row, "receipt"))
        .transpose()?
        .flatten();
    let Some(mut row) = row else {
        tx.commit::<0>([]).await?;
        return Ok(Noted::Unknown);
    };
    if !receipt.supersedes(known.as_ref()) {
        tx.commit::<0>([]).await?;
        return Ok(noted_before(row, receipt, known.as_ref()));
    }
    let after = decide_after_receipt(&row, receipt);
    if after == AfterReceipt::NotYet {
        tx.commit::<0>([]).await?;
        return Ok(Noted::NotYet);
    }
    let state = state_after(after);
    let settle = statement!(
        "
        UPDATE outbox SET
            receipt = $2,
            state = COALESCE($3, state),
            platform_id = COALESCE(platform_id, $4),
            error = CASE WHEN $3 IS NULL THEN error ELSE $5 END,
            in_doubt = in_doubt OR $6,
            done_at = CASE WHEN $3 IS NULL THEN done_at ELSE $7 END
        WHERE id = $1
        ",
        receipt.delivery,
        serde_json::to_string(receipt).expect("plain data with text keys"),
        state.map(|state| state.as_str()),
        &receipt.platform_id,
        &receipt.reason,
        after == AfterReceipt::InDoubt,
        now,
    );
    tx.commit([settle]).await?;
    row.state = state.unwrap_or(row.state);
    Ok(noted(after, row))
}

pub(super) async fn newest(tx: &Tx, id: OutboxId) -> Result<Option<Receipt>> {
    let look = statement!("SELECT receipt FROM outbox WHERE id = $1", id);
    let found = tx.read(look).await?;
    Ok(found
        .row()
        .map(|row| json_option(row, "receipt"))
        .transpose()?
        .flatten())
}
