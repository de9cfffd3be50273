//! A failed attempt: back-off, or the dead letter. Either way the claim ends.

use std::slice;

use proto::claim::Fence;
use proto::ids::{InboxOrd, OutboxId};
use proto::outbound::Reply;
use proto::time::Timestamp;
use proto::turn::{AfterFailure, TurnFailure};

use super::failure::Result;
use super::fence::{self, Held};
use super::firings::{self, End};
use super::outbox::{self, Origin, Queues};
use super::parameter::{Statement, statement};
use super::release::end_claim;
use super::transaction::Tx;
use super::{readiness, runners, turns};
use crate::Error;
use crate::ending::{Ending, with_note};

pub(super) async fn fail(tx: &Tx, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()> {
    match &failure.next {
        AfterFailure::Retry { not_before } => retry(tx, fence, failure, *not_before).await,
        AfterFailure::DeadLetter { through, notice } => give_up(tx, fence, failure, *through, notice, notice_id).await,
    }
}

async fn retry(tx: &Tx, fence: &Fence, failure: &TurnFailure, not_before: Timestamp) -> Result<()> {
    let [held, turn, work] = tx
        .begin([
            fence::lock(fence),
            turns::look_up(&fence.group, failure.turn),
            // The open turn is work.
            readiness::has_work(&fence.group),
        ])
        .await?;
    let held = fence::held(&held, fence)?;
    turns::require_open(&turn, fence, failure.turn)?;
    let isolated = turns::is_isolated(&turn)?;
    let end = end_claim(fence, &held, readiness::read(&work)?, not_before, failure.now);
    let note = note_error(failure);
    tx.commit([
        note,
        forget_session(fence, failure, isolated),
        end,
        runners::free_slot(&fence.group),
    ])
    .await?;
    Ok(())
}

async fn give_up(
    tx: &Tx,
    fence: &Fence,
    failure: &TurnFailure,
    through: InboxOrd,
    notice: &Reply,
    notice_id: OutboxId,
) -> Result<()> {
    let [held, turn, more, queue] = tx
        .begin([
            fence::lock(fence),
            turns::look_up(&fence.group, failure.turn),
            readiness::engaging_after(&fence.group, through),
            outbox::lock([notice]),
        ])
        .await?;
    let held = fence::held(&held, fence)?;
    turns::require_open(&turn, fence, failure.turn)?;
    if through <= held.cursor || through > held.head {
        return Err(Error::Conflict(format!(
            "the messages of group {} after {} cannot be given up through {through} (head {})",
            fence.group, held.cursor, held.head
        ))
        .into());
    }
    let queues = Queues::read(&queue)?;
    queues.require([notice])?;
    let more = readiness::read(&more)?;
    let isolated = turns::is_isolated(&turn)?;
    let counts = Held {
        attempts: 0,
        runner_deaths: 0,
        ..held
    };
    let origin = Origin {
        group: &fence.group,
        turn: Some(failure.turn),
        epoch: fence.epoch,
        early: false,
        now: failure.now,
    };
    let end = if turns::has_firing(&turn)? {
        firings::end(tx, &Ending::of_failure(failure, through)).await?
    } else {
        End::default()
    };
    let notice = &with_note(slice::from_ref(notice), end.paused)[0];
    let mut statements = vec![
        write_letters(fence, failure, held.cursor, through, isolated),
        forget_session(fence, failure, isolated),
        close(fence, failure, through, isolated),
        outbox::push(queues, &origin, [(notice.key.as_str(), notice, notice_id)]),
        end_claim(fence, &counts, more, Timestamp::default(), failure.now),
        runners::free_slot(&fence.group),
    ];
    statements.extend(end.statements);
    tx.commit_all(statements).await?;
    Ok(())
}

fn note_error(failure: &TurnFailure) -> Statement<'_> {
    statement!(
        "
        WITH noted AS (UPDATE turns SET error = $2 WHERE id = $1 AND state = 'open' RETURNING 1)
        SELECT must_touch(1, COUNT(*)) FROM noted
        ",
        failure.turn,
        &failure.reason,
    )
}

/// Makes the next attempt begin a session of its own, if the old one is gone.
fn forget_session<'a>(fence: &'a Fence, failure: &TurnFailure, isolated: bool) -> Statement<'a> {
    statement!(
        "
        WITH turn AS (
            UPDATE turns SET session_id = NULL, prompted_through = NULL WHERE id = $3 AND state = 'open' AND $4
        ), forgotten AS (
            UPDATE groups SET session_id = NULL WHERE id = $1 AND epoch = $2 AND $5 RETURNING 1
        )
        SELECT must_touch($5::INTEGER, COUNT(*)) FROM forgotten
        ",
        &fence.group,
        fence.epoch,
        failure.turn,
        failure.forget_session,
        failure.forget_session && !isolated,
    )
}

fn write_letters<'a>(
    fence: &'a Fence,
    failure: &'a TurnFailure,
    cursor: InboxOrd,
    through: InboxOrd,
    isolated: bool,
) -> Statement<'a> {
    statement!(
        "
        INSERT INTO dead_letters
            (kind, group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task, details,
             turn_id, reason, at)
        SELECT 'message', group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task, details,
            $4, $5, $6
        FROM messages
        WHERE group_id = $1 AND ord > $2 AND ord <= $3
          -- Chatter that an isolated firing let pass was not part of it.
          AND (task IS NOT NULL OR NOT $7)
        ORDER BY ord
        ",
        &fence.group,
        cursor,
        through,
        failure.turn,
        &failure.reason,
        failure.now,
        isolated,
    )
}

fn close<'a>(fence: &'a Fence, failure: &'a TurnFailure, through: InboxOrd, isolated: bool) -> Statement<'a> {
    statement!(
        "
        WITH closed AS (
            UPDATE turns SET state = 'dead_lettered', error = $5, through_ord = $4, closed_at = $6
            WHERE id = $3 AND state = 'open'
            RETURNING 1
        ), passed AS (
            UPDATE groups SET cursor_ord = $4, shown_ord = CASE WHEN $7 THEN shown_ord ELSE $4 END
            WHERE id = $1 AND epoch = $2 AND cursor_ord < $4
            RETURNING 1
        )
        SELECT must_touch(1, (SELECT COUNT(*) FROM closed)), must_touch(1, (SELECT COUNT(*) FROM passed))
        ",
        &fence.group,
        fence.epoch,
        failure.turn,
        through,
        &failure.reason,
        failure.now,
        isolated,
    )
}
