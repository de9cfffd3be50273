//! Turns: their record, and marking how far an attempt got.

use proto::claim::Fence;
use proto::ids::{Epoch, GroupId, InboxOrd, SessionId, TurnId};
use proto::turn::TurnState;
use tokio_postgres::Row;

use super::columns::{count, get, parsed, word};
use super::failure::Result;
use super::fence;
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use crate::{Error, TurnRecord};

pub(super) async fn find(tx: &Tx, id: TurnId) -> Result<Option<TurnRecord>> {
    let turn = statement!("SELECT group_id, state, attempt, error FROM turns WHERE id = $1", id);
    let answer = tx.read(turn).await?;
    let read = |row| {
        Ok(TurnRecord {
            turn: id,
            group: parsed(row, "group_id")?,
            state: state(row)?,
            attempt: count(row, "attempt")?,
            error: get(row, "error")?,
        })
    };
    answer.row().map(read).transpose()
}

/// Looks up a turn of this group. Once the group is locked nobody else changes its turns.
pub(super) fn look_up(group: &GroupId, id: TurnId) -> Statement<'_> {
    statement!(
        "
        SELECT state, epoch, isolated,
            EXISTS (SELECT 1 FROM firings WHERE turn_id = $1 AND outcome IS NULL) AS has_firing
        FROM turns WHERE id = $1 AND group_id = $2
        ",
        id,
        group
    )
}

/// State of the turn that [`look_up`] found, and the claim of its newest attempt.
pub(super) fn standing(answer: &Answer, id: TurnId) -> Result<(TurnState, Epoch)> {
    let row = answer.row().ok_or_else(|| Error::NotFound {
        what: "turn",
        id: id.to_string(),
    })?;
    Ok((state(row)?, Epoch(get(row, "epoch")?)))
}

/// Whether the session of the turn that [`look_up`] found is not the group's.
pub(super) fn is_isolated(answer: &Answer) -> Result<bool> {
    get(answer.one()?, "isolated")
}

/// Whether the turn that [`look_up`] found works on a firing.
pub(super) fn has_firing(answer: &Answer) -> Result<bool> {
    get(answer.one()?, "has_firing")
}

/// Fails unless the turn is open and its newest attempt belongs to this claim.
pub(super) fn require_open(answer: &Answer, fence: &Fence, id: TurnId) -> Result<()> {
    match standing(answer, id)? {
        (TurnState::Open, epoch) if epoch == fence.epoch => Ok(()),
        _ => Err(not_open(id).into()),
    }
}

/// Fails unless the turn is open in this claim, or was committed by it.
pub(super) fn require_of_claim(answer: &Answer, fence: &Fence, id: TurnId) -> Result<()> {
    match standing(answer, id)? {
        (TurnState::Open | TurnState::Committed, epoch) if epoch == fence.epoch => Ok(()),
        _ => Err(Error::Conflict(format!("turn {id} is not one of this claim")).into()),
    }
}

pub(super) fn not_open(id: TurnId) -> Error {
    Error::Conflict(format!("turn {id} is not open in this claim"))
}

pub(super) async fn mark_prompted(
    tx: &Tx,
    fence: &Fence,
    id: TurnId,
    through: InboxOrd,
    session: &SessionId,
) -> Result<()> {
    let [held, turn] = tx.begin([fence::lock(fence), look_up(&fence.group, id)]).await?;
    fence::held(&held, fence)?;
    require_open(&turn, fence, id)?;
    let mark = statement!(
        "
        WITH marked AS (
            UPDATE turns
            SET prompted_through = GREATEST(COALESCE(prompted_through, 0), $2), session_id = $3
            WHERE id = $1 AND state = 'open'
            RETURNING 1
        )
        SELECT must_touch(1, COUNT(*)) FROM marked
        ",
        id,
        through,
        session,
    );
    tx.commit([mark]).await?;
    Ok(())
}

fn state(row: &Row) -> Result<TurnState> {
    word(row, "state", TurnState::parse)
}
