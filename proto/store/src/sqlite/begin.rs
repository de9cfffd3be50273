//! Beginning a turn: reads what is pending, in a transaction after the claim.
//!
//! Claim and read are two transactions by design: where they are one statement (Postgres at READ COMMITTED) the claim
//! sees a newer state than the read, and a group is claimed whose message is not seen.

use proto::claim::Fence;
use proto::ids::{ChatId, Epoch, InboxOrd, SessionId, TurnId};
use proto::prompt::{PENDING_MAX, choose_batch, choose_batch_again, firing_of, is_isolated, with_unseen};
use proto::time::Timestamp;
use proto::turn::{Interrupted, Said, TurnBatch};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::parsed;
use super::error::one_row;
use super::fence::{self, Held, fenced};
use super::{firings, inbox, readiness, snapshots};
use crate::{Begun, Result};

/// A turn that an earlier attempt left open.
struct OpenTurn {
    id: TurnId,
    prompted_through: Option<InboxOrd>,
    session: Option<SessionId>,
}

pub(super) fn begin(conn: &Connection, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun> {
    let held = fence::check(conn, fence)?;
    let open = find_open(conn, fence)?;
    if open.is_none() && !readiness::engaging_after(conn, &fence.group, held.cursor)? {
        return Ok(Begun::Nothing);
    }
    let pending = inbox::after(conn, &fence.group, held.cursor, PENDING_MAX)?;
    let seen_through = open.as_ref().and_then(|turn| turn.prompted_through);
    let batch = match seen_through {
        Some(seen) => choose_batch_again(&pending, seen),
        None => choose_batch(&pending),
    };
    let Some(batch) = batch else {
        return Ok(Begun::Nothing);
    };
    let messages = with_unseen(inbox::unseen(conn, &fence.group, held.cursor)?, batch);
    let isolated = is_isolated(&messages);

    // A claim charges its first attempt; a second turn in the same claim starts from the zero that the commit left.
    let attempt = held.attempts.max(1);
    charge(conn, fence, attempt, now)?;
    let turn = match &open {
        Some(open) => take_up(conn, fence.epoch, open.id, attempt, isolated)?,
        None => insert(conn, fence, &held, fresh, attempt, isolated, now)?,
    };
    if let Some(firing) = firing_of(&messages) {
        firings::begin(conn, firing, turn, now)?;
    }
    let interrupted = match seen_through {
        Some(seen_through) => Some(Interrupted {
            seen_through,
            already_sent: already_sent(conn, turn)?,
        }),
        None => None,
    };
    Ok(Begun::Turn(Box::new(TurnBatch {
        turn,
        attempt,
        runner_deaths: held.runner_deaths,
        cursor: held.cursor,
        messages,
        session: open
            .and_then(|turn| turn.session)
            .or(held.session.filter(|_| !isolated)),
        interrupted,
        snapshot: snapshots::get(conn, &fence.group)?,
    })))
}

fn find_open(conn: &Connection, fence: &Fence) -> Result<Option<OpenTurn>> {
    let open = conn
        .prepare_cached("SELECT id, prompted_through, session_id FROM turns WHERE group_id = ?1 AND state = 'open'")?
        .query_row(params![fence.group.as_str()], |row| {
            Ok(OpenTurn {
                id: parsed(row, "id")?,
                prompted_through: row.get::<_, Option<i64>>("prompted_through")?.map(InboxOrd),
                session: row.get::<_, Option<String>>("session_id")?.map(SessionId::new),
            })
        })
        .optional()?;
    Ok(open)
}

fn charge(conn: &Connection, fence: &Fence, attempt: u32, now: Timestamp) -> Result<()> {
    let touched = conn
        .prepare_cached("UPDATE groups SET attempts = :attempt, active_at = :now WHERE id = :group AND epoch = :epoch")?
        .execute(named_params! {
            ":attempt": attempt,
            ":now": now.as_millis(),
            ":group": fence.group.as_str(),
            ":epoch": fence.epoch.0,
        })?;
    one_row(touched, || fenced(fence))
}

fn take_up(conn: &Connection, epoch: Epoch, id: TurnId, attempt: u32, isolated: bool) -> Result<TurnId> {
    let touched = conn
        .prepare_cached("UPDATE turns SET epoch = ?2, attempt = ?3, isolated = ?4 WHERE id = ?1 AND state = 'open'")?
        .execute(params![id.to_string(), epoch.0, attempt, isolated])?;
    one_row(touched, || super::turns::not_open(id))?;
    Ok(id)
}

fn insert(
    conn: &Connection,
    fence: &Fence,
    held: &Held,
    fresh: TurnId,
    attempt: u32,
    isolated: bool,
    now: Timestamp,
) -> Result<TurnId> {
    conn.prepare_cached(
        "
        INSERT INTO turns (id, group_id, state, epoch, attempt, from_ord, isolated, opened_at)
        VALUES (:id, :group, 'open', :epoch, :attempt, :from_ord, :isolated, :now)
        ",
    )?
    .execute(named_params! {
        ":id": fresh.to_string(),
        ":group": fence.group.as_str(),
        ":epoch": fence.epoch.0,
        ":attempt": attempt,
        ":from_ord": held.cursor.0,
        ":isolated": isolated,
        ":now": now.as_millis(),
    })?;
    Ok(fresh)
}

fn already_sent(conn: &Connection, turn: TurnId) -> Result<Vec<Said>> {
    let said = conn
        .prepare_cached(
            "SELECT chat_id, text, sender FROM outbox WHERE turn_id = ?1 AND early = 1 ORDER BY created_at, id",
        )?
        .query_map(params![turn.to_string()], |row| {
            Ok(Said {
                chat: ChatId::new(row.get::<_, String>("chat_id")?),
                text: row.get("text")?,
                sender: row.get("sender")?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(said)
}
