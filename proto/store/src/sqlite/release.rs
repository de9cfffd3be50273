//! The end of a claim, without touching the cursor.

use proto::claim::Fence;
use proto::time::Timestamp;
use rusqlite::{Connection, named_params};

use super::error::one_row;
use super::fence::{self, Held, fenced};
use super::{readiness, runners};
use crate::Result;

pub(super) fn release(conn: &Connection, fence: &Fence, interrupted: bool, now: Timestamp) -> Result<()> {
    let held = fence::check(conn, fence)?;
    let attempts = if interrupted {
        held.attempts.saturating_sub(1)
    } else {
        held.attempts
    };
    end_claim(conn, fence, Held { attempts, ..held }, Timestamp::default(), now)
}

/// Ends the claim and leaves the group ready exactly if it has work, from `not_before` on.
///
/// `held` says what the cursor and the counts are by now. A group with nothing to do starts from zero the next time:
/// its counts were about messages that are covered.
pub(super) fn end_claim(
    conn: &Connection,
    fence: &Fence,
    held: Held,
    not_before: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let has_work = readiness::has_work(conn, &fence.group, held.cursor)?;
    let kind = readiness::kind_after(conn, &fence.group, held.cursor)?;
    let touched = conn
        .prepare_cached(
            "
            UPDATE groups SET
                owner = NULL,
                owner_incarnation = NULL,
                ready_at = CASE WHEN :has_work THEN :now END,
                ready_kind = :kind,
                not_before = CASE WHEN :has_work THEN :not_before ELSE 0 END,
                attempts = CASE WHEN :has_work THEN :attempts ELSE 0 END,
                runner_deaths = CASE WHEN :has_work THEN :runner_deaths ELSE 0 END
            WHERE id = :group AND epoch = :epoch AND owner = :runner
            ",
        )?
        .execute(named_params! {
            ":has_work": has_work,
            ":kind": kind.as_str(),
            ":now": now.as_millis(),
            ":not_before": not_before.as_millis(),
            ":attempts": held.attempts,
            ":runner_deaths": held.runner_deaths,
            ":group": fence.group.as_str(),
            ":epoch": fence.epoch.0,
            ":runner": fence.runner.as_str(),
        })?;
    one_row(touched, || fenced(fence))?;
    runners::free_slot(conn, &fence.group)
}
