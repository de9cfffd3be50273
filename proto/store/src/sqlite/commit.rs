//! The commit of a turn: everything becomes true together, under the fence.

use proto::claim::Fence;
use proto::ids::OutboxId;
use proto::task::RunOutcome;
use proto::turn::{Committed, TurnCommit, TurnState};
use rusqlite::{Connection, named_params};

use super::columns::stored;
use super::error::one_row;
use super::fence::{self, fenced};
use super::outbox::{self, Origin};
use super::{firings, readiness, snapshots, turns};
use crate::ending::{Ending, with_note};
use crate::{Error, Result, replies};

pub(super) fn commit(
    conn: &Connection,
    fence: &Fence,
    commit: &TurnCommit,
    outbox_ids: &[OutboxId],
) -> Result<Committed> {
    // Looked up before the fence is checked: when an earlier try got through and its answer was lost, the truth is
    // "committed", even if the group has moved on since. Only this claim's own commit counts as that.
    match turns::standing(conn, &fence.group, commit.turn)? {
        (TurnState::Committed, epoch) if epoch == fence.epoch => return Ok(Committed::Before),
        (TurnState::Open | TurnState::Committed | TurnState::DeadLettered, _) => {}
    }
    let held = fence::check(conn, fence)?;
    turns::require_open(conn, fence, commit.turn)?;
    if commit.through <= held.cursor || commit.through > held.head {
        return Err(Error::Conflict(format!(
            "turn {} cannot move the cursor of group {} from {} to {} (head {})",
            commit.turn, fence.group, held.cursor, commit.through, held.head
        )));
    }
    replies::check(&commit.replies, outbox_ids)?;
    close_turn(conn, fence, commit)?;
    let more = move_cursor(conn, fence, commit)?;
    snapshots::replace(conn, &fence.group, commit)?;
    note_usage(conn, fence, commit)?;
    let origin = Origin {
        group: &fence.group,
        turn: Some(commit.turn),
        epoch: fence.epoch,
        early: false,
        now: commit.now,
    };
    let paused = firings::end(conn, &Ending::of_commit(commit))?;
    let replies = with_note(&commit.replies, paused);
    for (reply, id) in replies.iter().zip(outbox_ids) {
        outbox::push(conn, &origin, &reply.key, reply, *id)?;
    }
    Ok(Committed::Now { more })
}

fn close_turn(conn: &Connection, fence: &Fence, commit: &TurnCommit) -> Result<()> {
    let touched = conn
        .prepare_cached(
            "
            UPDATE turns
            SET state = 'committed', through_ord = :through, session_id = :session, closed_at = :now
            WHERE id = :turn AND state = 'open' AND epoch = :epoch
            ",
        )?
        .execute(named_params! {
            ":through": commit.through.0,
            ":session": commit.session.as_ref().map(|session| session.as_str()),
            ":now": commit.now.as_millis(),
            ":turn": commit.turn.to_string(),
            ":epoch": fence.epoch.0,
        })?;
    one_row(touched, || turns::not_open(commit.turn))
}

/// Whether something that engages the agent lies behind it.
fn move_cursor(conn: &Connection, fence: &Fence, commit: &TurnCommit) -> Result<bool> {
    // `now`, not the time of the waiting message: a busy group goes behind those that waited longer.
    let has_more = readiness::engaging_after(conn, &fence.group, commit.through)?;
    let kind = readiness::kind_after(conn, &fence.group, commit.through)?;
    // What the group's own session has not seen, and whose session this is not, changes nothing about it.
    let apart = commit.outcome == RunOutcome::NotWoken || turns::is_isolated(conn, commit.turn)?;
    let touched = conn
        .prepare_cached(
            "
            UPDATE groups SET
                cursor_ord = :through,
                shown_ord = CASE WHEN :apart THEN shown_ord ELSE :through END,
                session_id = CASE WHEN :apart THEN session_id ELSE :session END,
                attempts = 0,
                runner_deaths = 0,
                ready_at = CASE WHEN :has_more THEN :now END,
                ready_kind = :kind,
                active_at = :now
            WHERE id = :group AND epoch = :epoch AND owner = :runner AND cursor_ord < :through
            ",
        )?
        .execute(named_params! {
            ":through": commit.through.0,
            ":session": commit.session.as_ref().map(|session| session.as_str()),
            ":has_more": has_more,
            ":kind": kind.as_str(),
            ":apart": apart,
            ":now": commit.now.as_millis(),
            ":group": fence.group.as_str(),
            ":epoch": fence.epoch.0,
            ":runner": fence.runner.as_str(),
        })?;
    one_row(touched, || fenced(fence))?;
    Ok(has_more)
}

fn note_usage(conn: &Connection, fence: &Fence, commit: &TurnCommit) -> Result<()> {
    conn.prepare_cached(
        "
        INSERT INTO usage
            (turn_id, group_id, input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens,
             cost_micros, at)
        VALUES
            (:turn, :group, :input, :output, :cache_creation, :cache_read, :cost, :now)
        ",
    )?
    .execute(named_params! {
        ":turn": commit.turn.to_string(),
        ":group": fence.group.as_str(),
        ":input": stored(commit.usage.input_tokens),
        ":output": stored(commit.usage.output_tokens),
        ":cache_creation": stored(commit.usage.cache_creation_input_tokens),
        ":cache_read": stored(commit.usage.cache_read_input_tokens),
        ":cost": commit.cost_micros,
        ":now": commit.now.as_millis(),
    })?;
    Ok(())
}
