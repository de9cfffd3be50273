//! The fence: what a call for a group must show, and what it learns of the group by it.

use proto::claim::Fence;
use proto::ids::{Epoch, InboxOrd, Incarnation, RunnerId, SessionId};

use super::columns::{all, count, get, parsed};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use crate::Error;

/// What the holder of a fence may know of its group.
pub(super) struct Held {
    pub(super) cursor: InboxOrd,
    pub(super) head: InboxOrd,
    pub(super) attempts: u32,
    pub(super) runner_deaths: u32,
    pub(super) session: Option<SessionId>,
}

/// SQL that checks the fence and locks the group for the rest of the transaction; `$1` to `$4` are the group, the epoch, the runner
/// and its incarnation.
macro_rules! lock_of_fence {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            "
            FROM groups g
            JOIN runners r ON r.id = g.owner AND r.incarnation = g.owner_incarnation AND NOT r.dead
            WHERE g.id = $1 AND g.epoch = $2 AND g.owner = $3 AND g.owner_incarnation = $4
            -- Whoever takes the group from us changes its row, so it waits for our end, or we wait for its, and then this
            -- finds the new row, which no longer matches.
            FOR NO KEY UPDATE OF g
            -- A newer life of the runner begins with FOR UPDATE of this row: it waits for the acts under way, and those that
            -- come later find it. Heartbeats, claims and other acts pass.
            FOR KEY SHARE OF r
            "
        )
    };
}
pub(super) use lock_of_fence;

/// The first statement of every act that is more than one.
pub(super) fn lock(fence: &Fence) -> Statement<'_> {
    statement!(
        lock_of_fence!("g.cursor_ord, g.head_ord, g.attempts, g.runner_deaths, g.session_id"),
        &fence.group,
        fence.epoch,
        &fence.runner,
        fence.incarnation,
    )
}

/// What [`lock`] found.
pub(super) fn held(answer: &Answer, fence: &Fence) -> Result<Held> {
    let row = answer.row().ok_or_else(|| fenced(fence))?;
    Ok(Held {
        cursor: InboxOrd(get(row, "cursor_ord")?),
        head: InboxOrd(get(row, "head_ord")?),
        attempts: count(row, "attempts")?,
        runner_deaths: count(row, "runner_deaths")?,
        session: get::<Option<String>>(row, "session_id")?.map(SessionId::new),
    })
}

/// The fences that hold for this life of a runner.
pub(super) async fn owned(tx: &Tx, runner: &RunnerId, incarnation: Incarnation) -> Result<Vec<Fence>> {
    let owned = statement!(
        "
        SELECT g.id, g.epoch
        FROM groups g
        JOIN runners r ON r.id = g.owner AND r.incarnation = g.owner_incarnation AND NOT r.dead
        WHERE g.owner = $1 AND g.owner_incarnation = $2
        ORDER BY g.id
        ",
        runner,
        incarnation,
    );
    all(&tx.read(owned).await?.rows, |row| {
        Ok(Fence {
            group: parsed(row, "id")?,
            epoch: Epoch(get(row, "epoch")?),
            runner: runner.clone(),
            incarnation,
        })
    })
}

/// The error of a fence that does not hold.
pub(super) fn fenced(fence: &Fence) -> Error {
    Error::Fenced(Box::new(fence.clone()))
}
