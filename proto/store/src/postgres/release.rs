//! The end of a claim, without touching the cursor.

use proto::claim::Fence;
use proto::time::Timestamp;

use super::failure::Result;
use super::fence::{self, Held};
use super::parameter::{Statement, statement};
use super::readiness::Work;
use super::transaction::Tx;
use super::{readiness, runners};

pub(super) async fn release(tx: &Tx, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()> {
    let [held, work] = tx
        .begin([fence::lock(fence), readiness::has_work(&fence.group)])
        .await?;
    let held = fence::held(&held, fence)?;
    let attempts = if interrupted {
        held.attempts.saturating_sub(1)
    } else {
        held.attempts
    };
    let work = readiness::read(&work)?;
    let end = end_claim(fence, &Held { attempts, ..held }, work, Timestamp::default(), now);
    tx.commit([end, runners::free_slot(&fence.group)]).await?;
    Ok(())
}

/// Ends the claim and leaves the group ready exactly if it has work, from `not_before` on. The slot is to be freed with it.
///
/// `held` says what the counts are by now. A group with nothing to do starts from zero the next time: its counts were
/// about messages that are covered.
pub(super) fn end_claim<'a>(
    fence: &'a Fence,
    held: &Held,
    work: Work,
    not_before: Timestamp,
    now: Timestamp,
) -> Statement<'a> {
    statement!(
        "
        WITH ended AS (
            UPDATE groups SET
                owner = NULL,
                owner_incarnation = NULL,
                ready_at = CASE WHEN $4 THEN $5 END,
                ready_kind = $9,
                not_before = CASE WHEN $4 THEN $6 ELSE 0 END,
                attempts = CASE WHEN $4 THEN $7 ELSE 0 END,
                runner_deaths = CASE WHEN $4 THEN $8 ELSE 0 END
            WHERE id = $1 AND epoch = $2 AND owner = $3
            RETURNING 1
        )
        SELECT must_touch(1, COUNT(*)) FROM ended
        ",
        &fence.group,
        fence.epoch,
        &fence.runner,
        work.found,
        now,
        not_before,
        held.attempts,
        held.runner_deaths,
        work.kind().as_str(),
    )
}
