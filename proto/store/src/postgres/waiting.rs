//! Who waits for a runner, for those that want to know without claiming.

use proto::claim::Waiting;
use proto::ids::{ChatId, GroupId, RunnerId};
use proto::time::Timestamp;

use super::columns::{all, get, parsed, time};
use super::failure::Result;
use super::parameter::statement;
use super::transaction::Tx;

pub(super) async fn oldest(tx: &Tx, now: Timestamp) -> Result<Option<Waiting>> {
    let oldest = statement!(
        "
        SELECT id, ready_at FROM groups
        WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= $1
        ORDER BY ready_at, id
        LIMIT 1
        ",
        now,
    );
    let answer = tx.read(oldest).await?;
    let read = |row| {
        Ok(Waiting {
            group: parsed(row, "id")?,
            ready_at: time(row, "ready_at")?,
        })
    };
    answer.row().map(read).transpose()
}

pub(super) async fn chats(
    tx: &Tx,
    runner: &RunnerId,
    since: Timestamp,
    after: Option<&GroupId>,
    limit: u32,
) -> Result<Vec<(GroupId, ChatId)>> {
    let waiting = statement!(
        "
        SELECT g.id, m.chat_id
        FROM groups g
        CROSS JOIN LATERAL (
            SELECT chat_id FROM messages
            WHERE group_id = g.id AND ord > g.cursor_ord AND engages
            ORDER BY ord
            LIMIT 1
        ) m
        WHERE g.id > $1 AND (
            (
                g.owner IS NULL AND GREATEST(g.ready_at, g.not_before) <= $2
                AND g.ready_at IS NOT NULL
                AND NOT EXISTS (
                    SELECT 1 FROM runners r
                    WHERE r.id <> $4 AND NOT r.dead AND r.slots <= (SELECT COUNT(*) FROM slots s WHERE s.runner = r.id)
                )
            )
            -- Not freed yet: that takes the container runtime, and it may be what is missing.
            OR EXISTS (
                SELECT 1 FROM runners r WHERE r.id = $4 AND r.id = g.owner AND r.incarnation > g.owner_incarnation
            )
        )
        ORDER BY g.id
        LIMIT $3
        ",
        after.map_or("", GroupId::as_str),
        since,
        limit,
        runner,
    );
    all(&tx.read(waiting).await?.rows, |row| {
        Ok((parsed(row, "id")?, ChatId::new(get::<String>(row, "chat_id")?)))
    })
}
