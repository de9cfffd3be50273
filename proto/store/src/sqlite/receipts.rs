//! Receipts: what a platform says about messages it had accepted.

use proto::ids::OutboxId;
use proto::outbound::{AfterReceipt, Receipt, decide_after_receipt};
use proto::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::json_option;
use super::deliveries;
use super::error::one_row;
use crate::delivering::{noted, noted_before, state_after};
use crate::{Error, Noted, Result};

pub(super) fn note(conn: &Connection, receipt: &Receipt, now: Timestamp) -> Result<Noted> {
    let Some(row) = deliveries::get(conn, receipt.delivery)? else {
        return Ok(Noted::Unknown);
    };
    let known = newest(conn, receipt.delivery)?;
    if !receipt.supersedes(known.as_ref()) {
        return Ok(noted_before(row, receipt, known.as_ref()));
    }
    let after = decide_after_receipt(&row, receipt);
    if after == AfterReceipt::NotYet {
        return Ok(Noted::NotYet);
    }
    let state = state_after(after);
    let touched = conn
        .prepare_cached(
            "
            UPDATE outbox SET
                receipt = :receipt,
                state = COALESCE(:state, state),
                platform_id = COALESCE(platform_id, :platform_id),
                error = CASE WHEN :state IS NULL THEN error ELSE :error END,
                in_doubt = in_doubt OR :in_doubt,
                done_at = CASE WHEN :state IS NULL THEN done_at ELSE :now END
            WHERE id = :id
            ",
        )?
        .execute(named_params! {
            ":receipt": serde_json::to_string(receipt).expect("plain data with text keys"),
            ":state": state.map(|state| state.as_str()),
            ":platform_id": receipt.platform_id,
            ":error": receipt.reason,
            ":in_doubt": after == AfterReceipt::InDoubt,
            ":now": now.as_millis(),
            ":id": receipt.delivery.to_string(),
        })?;
    one_row(touched, || Error::NotFound {
        what: "delivery",
        id: receipt.delivery.to_string(),
    })?;
    let row = deliveries::get(conn, receipt.delivery)?;
    Ok(row.map_or(Noted::Unknown, |row| noted(after, row)))
}

pub(super) fn newest(conn: &Connection, id: OutboxId) -> Result<Option<Receipt>> {
    let receipt = conn
        .prepare_cached("SELECT receipt FROM outbox WHERE id = ?1")?
        .query_row(params![id.to_string()], |row| json_option(row, "receipt"))
        .optional()?;
    Ok(receipt.flatten())
}
