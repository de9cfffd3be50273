//! Early effects: what the agent sends before its turn commits, once however often the turn is attempted.

use proto::claim::Fence;
use proto::ids::{OutboxId, TurnId};
use proto::outbound::{Extra, Reply};
use proto::time::Timestamp;
use proto::turn::Recorded;

use super::columns::get;
use super::failure::Result;
use super::outbox::{self, Origin, Queues};
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use super::{fence, turns};

pub(super) async fn record(
    tx: &Tx,
    fence: &Fence,
    turn: TurnId,
    effect: &Reply,
    fresh: OutboxId,
    now: Timestamp,
) -> Result<Recorded> {
    let [held, standing, by_key, replayed, queue] = tx
        .begin([
            fence::lock(fence),
            turns::look_up(&fence.group, turn),
            find_by_key(turn, &effect.key),
            find_replayed(fence, turn, effect),
            outbox::lock([effect]),
        ])
        .await?;
    fence::held(&held, fence)?;
    turns::require_of_claim(&standing, fence, turn)?;
    if let Some(row) = by_key.row().or(replayed.row()) {
        let known = OutboxId(get(row, "id")?);
        tx.commit([mark_said(fence, known, &effect.key)]).await?;
        return Ok(Recorded::Already(known));
    }
    let queues = Queues::read(&queue)?;
    queues.require([effect])?;
    let origin = Origin {
        group: &fence.group,
        turn: Some(turn),
        epoch: fence.epoch,
        early: true,
        now,
    };
    tx.commit([outbox::push(queues, &origin, [(effect.key.as_str(), effect, fresh)])])
        .await?;
    Ok(Recorded::New(fresh))
}

fn find_by_key(turn: TurnId, key: &str) -> Statement<'_> {
    statement!(
        "SELECT id FROM outbox WHERE turn_id = $1 AND early AND key = $2",
        turn,
        key
    )
}

/// The oldest row of an earlier attempt that says the same in the same chat and was not yet given to this attempt.
///
/// Attempts are told apart by their claim, since attempt numbers repeat when a runner dies.
fn find_replayed<'a>(fence: &Fence, turn: TurnId, effect: &'a Reply) -> Statement<'a> {
    statement!(
        "
        SELECT id FROM outbox
        WHERE turn_id = $1 AND early AND chat_id = $2 AND text = $3 AND sender IS NOT DISTINCT FROM $4
          AND extra IS NOT DISTINCT FROM $6
          AND said_epoch < $5
        ORDER BY seq
        LIMIT 1
        ",
        turn,
        &effect.chat,
        &effect.text,
        &effect.sender,
        fence.epoch,
        effect.extra.as_ref().map(Extra::to_json),
    )
}

/// The row takes the key under which this attempt says it: the same call again, its answer lost, must find it.
fn mark_said<'a>(fence: &Fence, id: OutboxId, key: &'a str) -> Statement<'a> {
    statement!(
        "
        WITH marked AS (UPDATE outbox SET said_epoch = $2, key = $3 WHERE id = $1 RETURNING 1)
        SELECT must_touch(1, COUNT(*)) FROM marked
        ",
        id,
        fence.epoch,
        key,
    )
}
