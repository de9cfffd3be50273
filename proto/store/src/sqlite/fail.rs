//! A failed attempt: back-off, or the dead letter. Either way the claim ends.

use std::slice;

use proto::claim::Fence;
use proto::ids::{InboxOrd, OutboxId};
use proto::outbound::Reply;
use proto::time::Timestamp;
use proto::turn::{AfterFailure, TurnFailure};
use rusqlite::{Connection, named_params, params};

use super::error::one_row;
use super::fence::{self, Held, fenced};
use super::outbox::{self, Origin};
use super::release::end_claim;
use super::{firings, turns};
use crate::ending::{Ending, with_note};
use crate::{Error, Result};

pub(super) fn fail(conn: &Connection, fence: &Fence, failure: &TurnFailure, notice_id: OutboxId) -> Result<()> {
    let held = fence::check(conn, fence)?;
    turns::require_open(conn, fence, failure.turn)?;
    if failure.forget_session {
        turns::forget_session(conn, fence, failure.turn)?;
    }
    match &failure.next {
        AfterFailure::Retry { not_before } => {
            note_error(conn, failure)?;
            end_claim(conn, fence, held, *not_before, failure.now)
        }
        AfterFailure::DeadLetter { through, notice } => {
            if *through <= held.cursor || *through > held.head {
                return Err(Error::Conflict(format!(
                    "the messages of group {} after {} cannot be given up through {through} (head {})",
                    fence.group, held.cursor, held.head
                )));
            }
            let isolated = turns::is_isolated(conn, failure.turn)?;
            give_up(conn, fence, failure, &held, *through, isolated)?;
            let paused = firings::end(conn, &Ending::of_failure(failure, *through))?;
            say(
                conn,
                fence,
                failure,
                &with_note(slice::from_ref(notice), paused)[0],
                notice_id,
            )?;
            let held = Held {
                cursor: *through,
                attempts: 0,
                runner_deaths: 0,
                ..held
            };
            end_claim(conn, fence, held, Timestamp::default(), failure.now)
        }
    }
}

fn note_error(conn: &Connection, failure: &TurnFailure) -> Result<()> {
    let touched = conn
        .prepare_cached("UPDATE turns SET error = ?2 WHERE id = ?1 AND state = 'open'")?
        .execute(params![failure.turn.to_string(), failure.reason])?;
    one_row(touched, || turns::not_open(failure.turn))
}

fn give_up(
    conn: &Connection,
    fence: &Fence,
    failure: &TurnFailure,
    held: &Held,
    through: InboxOrd,
    isolated: bool,
) -> Result<()> {
    conn.prepare_cached(
        "
        INSERT INTO dead_letters
            (kind, group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task, details,
             turn_id, reason, at)
        SELECT 'message', group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, task, details,
            :turn, :reason, :now
        FROM messages
        WHERE group_id = :group AND ord > :cursor AND ord <= :through
          -- Chatter that an isolated firing let pass was not part of it.
          AND (task IS NOT NULL OR NOT :isolated)
        ORDER BY ord
        ",
    )?
    .execute(named_params! {
        ":turn": failure.turn.to_string(),
        ":reason": failure.reason,
        ":now": failure.now.as_millis(),
        ":group": fence.group.as_str(),
        ":cursor": held.cursor.0,
        ":through": through.0,
        ":isolated": isolated,
    })?;
    let touched = conn
        .prepare_cached(
            "
            UPDATE turns SET state = 'dead_lettered', error = :reason, through_ord = :through, closed_at = :now
            WHERE id = :turn AND state = 'open'
            ",
        )?
        .execute(named_params! {
            ":reason": failure.reason,
            ":through": through.0,
            ":now": failure.now.as_millis(),
            ":turn": failure.turn.to_string(),
        })?;
    one_row(touched, || turns::not_open(failure.turn))?;
    let touched = conn
        .prepare_cached(
            "
            UPDATE groups SET cursor_ord = :through, shown_ord = CASE WHEN :isolated THEN shown_ord ELSE :through END
            WHERE id = :group AND epoch = :epoch AND cursor_ord < :through
            ",
        )?
        .execute(named_params! {
            ":through": through.0,
            ":isolated": isolated,
            ":group": fence.group.as_str(),
            ":epoch": fence.epoch.0,
        })?;
    one_row(touched, || fenced(fence))
}

fn say(conn: &Connection, fence: &Fence, failure: &TurnFailure, notice: &Reply, id: OutboxId) -> Result<()> {
    let origin = Origin {
        group: &fence.group,
        turn: Some(failure.turn),
        epoch: fence.epoch,
        early: false,
        now: failure.now,
    };
    outbox::push(conn, &origin, &notice.key, notice, id)
}
