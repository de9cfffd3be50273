//! Early effects: what the agent sends before its turn commits, once however often the turn is attempted.

use proto::claim::Fence;
use proto::ids::{OutboxId, TurnId};
use proto::outbound::{Extra, Reply};
use proto::time::Timestamp;
use proto::turn::Recorded;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::parsed;
use super::error::{one_row, unavailable};
use super::outbox::{self, Origin};
use super::{fence, turns};
use crate::Result;

pub(super) fn record(
    conn: &Connection,
    fence: &Fence,
    turn: TurnId,
    effect: &Reply,
    fresh: OutboxId,
    now: Timestamp,
) -> Result<Recorded> {
    fence::check(conn, fence)?;
    turns::require_of_claim(conn, fence, turn)?;
    let known = match find_by_key(conn, turn, &effect.key)? {
        Some(known) => Some(known),
        None => find_replayed(conn, fence, turn, effect)?,
    };
    if let Some(known) = known {
        mark_said(conn, fence, known, &effect.key)?;
        return Ok(Recorded::Already(known));
    }
    let origin = Origin {
        group: &fence.group,
        turn: Some(turn),
        epoch: fence.epoch,
        early: true,
        now,
    };
    outbox::push(conn, &origin, &effect.key, effect, fresh)?;
    Ok(Recorded::New(fresh))
}

fn find_by_key(conn: &Connection, turn: TurnId, key: &str) -> Result<Option<OutboxId>> {
    let known = conn
        .prepare_cached("SELECT id FROM outbox WHERE turn_id = ?1 AND early = 1 AND key = ?2")?
        .query_row(params![turn.to_string(), key], |row| parsed(row, "id"))
        .optional()?;
    Ok(known)
}

/// The oldest row of an earlier attempt that says the same in the same chat and was not yet given to this attempt.
///
/// Attempts are told apart by their claim, since attempt numbers repeat when a runner dies.
fn find_replayed(conn: &Connection, fence: &Fence, turn: TurnId, effect: &Reply) -> Result<Option<OutboxId>> {
    let known = conn
        .prepare_cached(
            "
            SELECT id FROM outbox
            WHERE turn_id = :turn AND early = 1 AND chat_id = :chat AND text = :text AND sender IS :sender
              AND extra IS :extra
              AND said_epoch < :epoch
            ORDER BY seq
            LIMIT 1
            ",
        )?
        .query_row(
            named_params! {
                ":turn": turn.to_string(),
                ":chat": effect.chat.as_str(),
                ":text": effect.text,
                ":extra": effect.extra.as_ref().map(Extra::to_json),
                ":sender": effect.sender,
                ":epoch": fence.epoch.0,
            },
            |row| parsed(row, "id"),
        )
        .optional()?;
    Ok(known)
}

/// The row takes the key under which this attempt says it: the same call again, its answer lost, must find it.
fn mark_said(conn: &Connection, fence: &Fence, id: OutboxId, key: &str) -> Result<()> {
    let touched = conn
        .prepare_cached("UPDATE outbox SET said_epoch = ?2, key = ?3 WHERE id = ?1")?
        .execute(params![id.to_string(), fence.epoch.0, key])?;
    one_row(touched, || {
        unavailable(format!("outbox row {id} vanished inside a transaction"))
    })
}
