//! What commands ask of the rows: that a turn ends, how a group stands, what it has used.

use proto::ids::{GroupId, Incarnation, RunnerId, TurnId};
use proto::time::Timestamp;
use proto::turn::Usage;

use super::columns::{self, count, get, parsed, time_option};
use super::failure::Result;
use super::groups;
use super::parameter::statement;
use super::transaction::Tx;
use crate::{GroupStanding, UsageTotal};

pub(super) async fn stop_turn(tx: &Tx, group: &GroupId, now: Timestamp) -> Result<Option<Option<RunnerId>>> {
    // No lock on the group: whether its runner saw the request is asked again and again, and a turn that closes
    // meanwhile needs no stopping.
    let stop = statement!(
        "
        UPDATE turns t SET stop_asked_at = COALESCE(t.stop_asked_at, $2)
        FROM groups g
        WHERE t.group_id = $1 AND t.state = 'open' AND g.id = t.group_id
        RETURNING g.owner
        ",
        group,
        now,
    );
    let answer = tx.write(stop).await?;
    let owner = answer
        .row()
        .map(|row| get::<Option<String>>(row, "owner"))
        .transpose()?;
    Ok(owner.map(|owner| owner.map(RunnerId::new)))
}

pub(super) async fn turns_to_stop(
    tx: &Tx,
    runner: &RunnerId,
    incarnation: Incarnation,
) -> Result<Vec<(GroupId, TurnId)>> {
    let found = statement!(
        "
        SELECT t.group_id, t.id
        FROM turns t JOIN groups g ON g.id = t.group_id
        WHERE t.state = 'open' AND t.stop_asked_at IS NOT NULL AND g.owner = $1 AND g.owner_incarnation = $2
        ORDER BY t.group_id
        ",
        runner,
        incarnation,
    );
    columns::all(&tx.read(found).await?.rows, |row| {
        Ok((parsed(row, "group_id")?, TurnId(get(row, "id")?)))
    })
}

pub(super) async fn standing(tx: &Tx, group: &GroupId) -> Result<GroupStanding> {
    let standing = statement!(
        "
        SELECT
            g.owner,
            (SELECT t.opened_at FROM turns t WHERE t.group_id = g.id AND t.state = 'open') AS turn_since,
            (SELECT COUNT(*) FROM messages m
             WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages) AS unanswered,
            g.session_id IS NOT NULL AS has_session
        FROM groups g WHERE g.id = $1 AND NOT g.removed
        ",
        group,
    );
    let answer = tx.read(standing).await?;
    let row = answer.row().ok_or_else(|| groups::not_found(group))?;
    Ok(GroupStanding {
        owner: get::<Option<String>>(row, "owner")?.map(RunnerId::new),
        turn_since: time_option(row, "turn_since")?,
        unanswered: count(row, "unanswered")?,
        has_session: get(row, "has_session")?,
    })
}

pub(super) async fn usage_since(tx: &Tx, group: &GroupId, since: Timestamp) -> Result<UsageTotal> {
    let total = statement!(
        "
        SELECT
            COUNT(*) AS turns,
            COALESCE(SUM(input_tokens), 0)::BIGINT AS input,
            COALESCE(SUM(output_tokens), 0)::BIGINT AS output,
            COALESCE(SUM(cache_creation_input_tokens), 0)::BIGINT AS cache_creation,
            COALESCE(SUM(cache_read_input_tokens), 0)::BIGINT AS cache_read,
            COALESCE(SUM(cost_micros), 0)::BIGINT AS cost
        FROM usage WHERE group_id = $1 AND at >= $2
        ",
        group,
        since,
    );
    let answer = tx.read(total).await?;
    let row = answer.one()?;
    Ok(UsageTotal {
        turns: count(row, "turns")?,
        usage: Usage {
            input_tokens: count(row, "input")?,
            output_tokens: count(row, "output")?,
            cache_creation_input_tokens: count(row, "cache_creation")?,
            cache_read_input_tokens: count(row, "cache_read")?,
        },
        cost_micros: get(row, "cost")?,
    })
}
