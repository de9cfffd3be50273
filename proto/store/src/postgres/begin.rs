//! Beginning a turn: reads what is pending, in a transaction after the claim.
//!
//! Claim and read are two transactions by design: where they are one statement, the claim sees a newer state than the
//! read, and a group is claimed whose message is not seen. Here the group is locked first and read in later statements.

use proto::claim::Fence;
use proto::ids::{ChatId, GroupId, InboxOrd, SessionId, TurnId};
use proto::inbound::InboxMessage;
use proto::prompt::{MESSAGES_MAX, PENDING_MAX, choose_batch, choose_batch_again, firing_of, is_isolated, with_unseen};
use proto::snapshot::SnapshotRef;
use proto::time::Timestamp;
use proto::turn::{Interrupted, Said, TurnBatch};
use tokio_postgres::Row;

use super::columns::{all, get};
use super::failure::Result;
use super::fence::{self, Held};
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use super::{firings, inbox, snapshots};
use crate::Begun;

/// A turn that an earlier attempt left open.
struct OpenTurn {
    id: TurnId,
    prompted_through: Option<InboxOrd>,
    session: Option<SessionId>,
}

pub(super) async fn begin(tx: &Tx, fence: &Fence, fresh: TurnId, now: Timestamp) -> Result<Begun> {
    let group = &fence.group;
    let [held, state, messages] = tx
        .begin([fence::lock(fence), find_state(group), find_messages(group)])
        .await?;
    let held = fence::held(&held, fence)?;
    let (open, snapshot) = read_state(&state)?;
    let (unseen, pending) = read_messages(&messages)?;
    let seen_through = open.as_ref().and_then(|turn| turn.prompted_through);
    let batch = match seen_through {
        Some(seen) => choose_batch_again(&pending, seen),
        None => choose_batch(&pending),
    };
    let Some(batch) = batch else {
        return Ok(Begun::Nothing);
    };
    let messages = with_unseen(unseen, batch);
    let isolated = is_isolated(&messages);

    // A claim charges its first attempt; a second turn in the same claim starts from the zero that the commit left.
    let attempt = held.attempts.max(1);
    let turn = open.as_ref().map_or(fresh, |open| open.id);
    let attend = match &open {
        Some(open) => take_up(fence, open.id, attempt, isolated, now),
        None => insert(fence, &held, fresh, attempt, isolated, now),
    };
    let mut statements = vec![attend];
    if let Some(firing) = firing_of(&messages) {
        statements.push(firings::begin(firing, turn, now));
    }
    if seen_through.is_some() {
        statements.push(already_sent(turn));
    }
    let answers = tx.commit_all(statements).await?;
    let interrupted = match seen_through.zip(answers.last()) {
        Some((seen_through, sent)) => Some(Interrupted {
            seen_through,
            already_sent: all(&sent.rows, read_said)?,
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
        snapshot,
    })))
}

/// The turn that is open and the committed files, if there are any.
fn find_state(group: &GroupId) -> Statement<'_> {
    statement!(
        "
        SELECT t.id AS turn_id, t.prompted_through, t.session_id, s.id, s.manifest, s.digest, s.bytes, s.files
        FROM (SELECT $1 AS id) g
        LEFT JOIN turns t ON t.group_id = g.id AND t.state = 'open'
        LEFT JOIN snapshots s ON s.group_id = g.id
        ",
        group,
    )
}

fn read_state(answer: &Answer) -> Result<(Option<OpenTurn>, Option<SnapshotRef>)> {
    let row = answer.one()?;
    let open_turn = |id| -> Result<OpenTurn> {
        Ok(OpenTurn {
            id: TurnId(id),
            prompted_through: get::<Option<i64>>(row, "prompted_through")?.map(InboxOrd),
            session: get::<Option<String>>(row, "session_id")?.map(SessionId::new),
        })
    };
    let open = get::<Option<uuid::Uuid>>(row, "turn_id")?.map(open_turn).transpose()?;
    let snapshot = get::<Option<uuid::Uuid>>(row, "id")?.map(|_| snapshots::read(row));
    Ok((open, snapshot.transpose()?))
}

/// What lies after the cursor, if it is to be worked on: a turn is open, or something engages the agent (chatter alone is not
/// read). And the newest chatter that was covered without having been shown to the group's session.
fn find_messages(group: &GroupId) -> Statement<'_> {
    statement!(
        "
        (
            SELECT m.group_id, m.ord, m.dedup_key, m.chat_id, m.sender, m.sender_name, m.text, m.sent_at, m.engages, m.trace,
                   m.task, m.details, FALSE AS covered
            FROM messages m
            WHERE m.group_id = $1 AND m.ord > (SELECT cursor_ord FROM groups WHERE id = $1)
              AND (
                  EXISTS (SELECT 1 FROM turns WHERE group_id = $1 AND state = 'open')
                  OR EXISTS (
                      SELECT 1 FROM messages
                      WHERE group_id = $1 AND ord > (SELECT cursor_ord FROM groups WHERE id = $1) AND engages
                  )
              )
            ORDER BY m.ord
            LIMIT $2
        ) UNION ALL (
            SELECT m.group_id, m.ord, m.dedup_key, m.chat_id, m.sender, m.sender_name, m.text, m.sent_at, m.engages, m.trace,
                   m.task, m.details, TRUE
            FROM groups g
            JOIN messages m ON m.group_id = g.id AND m.ord > g.shown_ord AND m.ord <= g.cursor_ord AND NOT m.engages
            WHERE g.id = $1 AND g.shown_ord < g.cursor_ord
            ORDER BY m.ord DESC
            LIMIT $3
        )
        ",
        group,
        PENDING_MAX as u64,
        MESSAGES_MAX as u64,
    )
}

/// The covered ones and those after the cursor, each in their order.
fn read_messages(answer: &Answer) -> Result<(Vec<InboxMessage>, Vec<InboxMessage>)> {
    let (mut covered, mut pending) = (Vec::new(), Vec::new());
    for row in &answer.rows {
        let kind = if get(row, "covered")? {
            &mut covered
        } else {
            &mut pending
        };
        kind.push(inbox::read(row)?);
    }
    covered.sort_by_key(|message| message.ord);
    pending.sort_by_key(|message| message.ord);
    Ok((covered, pending))
}

fn take_up(fence: &Fence, id: TurnId, attempt: u32, isolated: bool, now: Timestamp) -> Statement<'_> {
    statement!(
        "
        WITH charged AS (
            UPDATE groups SET attempts = $4, active_at = $5 WHERE id = $1 AND epoch = $2 RETURNING 1
        ), taken_up AS (
            UPDATE turns SET epoch = $2, attempt = $4, isolated = $6 WHERE id = $3 AND state = 'open' RETURNING 1
        )
        SELECT must_touch(1, (SELECT COUNT(*) FROM charged)), must_touch(1, (SELECT COUNT(*) FROM taken_up))
        ",
        &fence.group,
        fence.epoch,
        id,
        attempt,
        now,
        isolated,
    )
}

fn insert<'a>(
    fence: &'a Fence,
    held: &Held,
    fresh: TurnId,
    attempt: u32,
    isolated: bool,
    now: Timestamp,
) -> Statement<'a> {
    statement!(
        "
        WITH charged AS (
            UPDATE groups SET attempts = $4, active_at = $5 WHERE id = $1 AND epoch = $2 RETURNING 1
        ), opened AS (
            INSERT INTO turns (id, group_id, state, epoch, attempt, from_ord, isolated, opened_at)
            VALUES ($3, $1, 'open', $2, $4, $6, $7, $5)
        )
        SELECT must_touch(1, COUNT(*)) FROM charged
        ",
        &fence.group,
        fence.epoch,
        fresh,
        attempt,
        now,
        held.cursor,
        isolated,
    )
}

fn already_sent(turn: TurnId) -> Statement<'static> {
    statement!(
        "SELECT chat_id, text, sender FROM outbox WHERE turn_id = $1 AND early ORDER BY created_at, id",
        turn,
    )
}

fn read_said(row: &Row) -> Result<Said> {
    Ok(Said {
        chat: ChatId::new(get::<String>(row, "chat_id")?),
        text: get(row, "text")?,
        sender: get(row, "sender")?,
    })
}
