//! The commit of a turn: everything becomes true together, under the fence.

use proto::claim::Fence;
use proto::ids::OutboxId;
use proto::outbound::Reply;
use proto::task::RunOutcome;
use proto::turn::{Committed, TurnCommit, TurnState};

use super::failure::Result;
use super::fence;
use super::firings::{self, End};
use super::outbox::{self, Origin, Queues};
use super::parameter::{Statement, statement};
use super::readiness::Work;
use super::transaction::Tx;
use super::{readiness, snapshots, turns};
use crate::ending::{Ending, with_note};
use crate::{Error, replies};

pub(super) async fn commit(tx: &Tx, fence: &Fence, commit: &TurnCommit, outbox_ids: &[OutboxId]) -> Result<Committed> {
    let [held, turn, more, queues] = tx
        .begin([
            fence::lock(fence),
            turns::look_up(&fence.group, commit.turn),
            readiness::engaging_after(&fence.group, commit.through),
            outbox::lock(&commit.replies),
        ])
        .await?;
    // Looked at before the fence: when an earlier try got through and its answer was lost, the truth is "committed", even
    // if the group has moved on since. Only this claim's own commit counts as that. An earlier try that is still under
    // way holds the group's lock, and this one waited for it.
    match turns::standing(&turn, commit.turn)? {
        (TurnState::Committed, epoch) if epoch == fence.epoch => return Ok(Committed::Before),
        (TurnState::Open | TurnState::Committed | TurnState::DeadLettered, _) => {}
    }
    let held = fence::held(&held, fence)?;
    turns::require_open(&turn, fence, commit.turn)?;
    if commit.through <= held.cursor || commit.through > held.head {
        return Err(Error::Conflict(format!(
            "turn {} cannot move the cursor of group {} from {} to {} (head {})",
            commit.turn, fence.group, held.cursor, commit.through, held.head
        ))
        .into());
    }
    replies::check(&commit.replies, outbox_ids)?;
    let queues = Queues::read(&queues)?;
    queues.require(&commit.replies)?;
    let more = readiness::read(&more)?;
    // What the group's own session has not seen, and whose session this is not, changes nothing about it.
    let apart = commit.outcome == RunOutcome::NotWoken || turns::is_isolated(&turn)?;
    let end = if turns::has_firing(&turn)? {
        firings::end(tx, &Ending::of_commit(commit)).await?
    } else {
        End::default()
    };
    let replies = with_note(&commit.replies, end.paused);
    let mut statements = vec![close(fence, commit, more, apart)];
    statements.extend(end.statements);
    if !replies.is_empty() {
        statements.push(say(fence, commit, &replies, queues, outbox_ids));
    }
    if let Some(snapshot) = &commit.snapshot {
        statements.push(snapshots::put(fence, commit, snapshot));
    }
    tx.commit_all(statements).await?;
    Ok(Committed::Now { more: more.found })
}

fn close<'a>(fence: &'a Fence, commit: &'a TurnCommit, more: Work, apart: bool) -> Statement<'a> {
    statement!(
        "
        WITH moved AS (
            UPDATE groups SET
                cursor_ord = $6,
                shown_ord = CASE WHEN $15 THEN shown_ord ELSE $6 END,
                session_id = CASE WHEN $15 THEN session_id ELSE $7 END,
                attempts = 0,
                runner_deaths = 0,
                -- Now, not the time of the waiting message: a busy group goes behind those that waited longer.
                ready_at = CASE WHEN $8 THEN $9 END,
                ready_kind = $16,
                active_at = $9
            WHERE id = $1 AND epoch = $2 AND owner = $3 AND owner_incarnation = $4 AND cursor_ord < $6
            RETURNING 1
        ), closed AS (
            UPDATE turns
            SET state = 'committed', through_ord = $6, session_id = $7, closed_at = $9
            WHERE id = $5 AND state = 'open' AND epoch = $2
            RETURNING 1
        ), used AS (
            INSERT INTO usage
                (turn_id, group_id, input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens,
                 cost_micros, at)
            VALUES ($5, $1, $10, $11, $12, $13, $14, $9)
        )
        SELECT must_touch(1, (SELECT COUNT(*) FROM moved)), must_touch(1, (SELECT COUNT(*) FROM closed))
        ",
        &fence.group,
        fence.epoch,
        &fence.runner,
        fence.incarnation,
        commit.turn,
        commit.through,
        commit.session.as_ref(),
        more.found,
        commit.now,
        commit.usage.input_tokens,
        commit.usage.output_tokens,
        commit.usage.cache_creation_input_tokens,
        commit.usage.cache_read_input_tokens,
        commit.cost_micros,
        apart,
        more.kind().as_str(),
    )
}

fn say<'a>(
    fence: &'a Fence,
    commit: &'a TurnCommit,
    replies: &'a [Reply],
    queues: Queues,
    outbox_ids: &'a [OutboxId],
) -> Statement<'a> {
    let origin = Origin {
        group: &fence.group,
        turn: Some(commit.turn),
        epoch: fence.epoch,
        early: false,
        now: commit.now,
    };
    let rows = replies.iter().zip(outbox_ids);
    outbox::push(
        queues,
        &origin,
        rows.map(|(reply, id)| (reply.key.as_str(), reply, *id)),
    )
}
