//! The claim: which groups a runner gets, and the fence that comes with each.

use proto::claim::{ClaimRequest, Claimed, Fence, STICKY_DELAY};
use proto::ids::Epoch;
use tokio_postgres::Row;

use super::columns::{all, count, get, parsed};
use super::failure::Result;
use super::parameter::statement;
use super::transaction::Tx;
use super::{groups, runners};

pub(super) async fn claim(tx: &Tx, request: &ClaimRequest) -> Result<Vec<Claimed>> {
    // One claim of a runner at a time, and none of a life that is over: a claim that waited here looks at the slots in
    // a statement that sees what the one before it took.
    let runner = statement!(
        "SELECT 1 FROM runners WHERE id = $1 AND incarnation = $2 AND NOT dead FOR NO KEY UPDATE",
        &request.runner,
        request.incarnation,
    );
    let take = statement!(
        TAKE,
        &request.runner,
        request.incarnation,
        request.free_slots,
        request.now,
        STICKY_DELAY.as_millis() as u64,
    );
    let [runner, taken] = tx.transact([runner, take]).await?;
    if runner.row().is_none() {
        return Err(runners::replaced(&request.runner, request.incarnation).into());
    }
    all(&taken.rows, |row| read(row, request))
}

/// Cannot grant twice. Of those that see a group without an owner, one locks its row; the others skip it while it is
/// locked, and find the owner in the row itself once it is not (a row that changed since the snapshot is checked again
/// as it is now before it is locked). The lock is taken in a CTE, which runs once, and not in a subquery of the UPDATE,
/// which may run again and lock more than it takes. And the unique `slots.group_id` would refuse a second slot.
///
/// The messages are read later, by `begin_turn`: this snapshot may be older than the row that is taken here.
const TAKE: &str = "
    WITH free AS MATERIALIZED (
        SELECT slot_no, ROW_NUMBER() OVER (ORDER BY slot_no) AS nth
        FROM runners r, generate_series(0, r.slots - 1) AS slot_no
        WHERE r.id = $1 AND r.incarnation = $2 AND NOT r.dead
          AND NOT EXISTS (SELECT 1 FROM slots s WHERE s.runner = $1 AND s.slot_no = slot_no.slot_no)
        ORDER BY slot_no
        -- A runner that came back with fewer slots may still have taken ones with higher numbers: they count as well. A
        -- wrong count of the caller never makes more.
        LIMIT (
            SELECT GREATEST(LEAST($3, r.slots - (SELECT COUNT(*) FROM slots WHERE runner = $1)), 0)
            FROM runners r WHERE r.id = $1
        )
    ), chosen AS MATERIALIZED (
        SELECT id, ready_at + CASE ready_kind WHEN 'task' THEN 30000 ELSE 0 END AS place, ready_at
        FROM groups
        WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= $4
          -- Sticky: the workspace and the warm cache are at the runner that held the group last, while there is one.
          AND (
              last_runner IS NULL OR last_runner = $1 OR ready_at + $5 <= $4
              OR NOT EXISTS (SELECT 1 FROM runners last WHERE last.id = last_runner AND NOT last.dead)
          )
        -- proto::claim::claim_order
        ORDER BY ready_at + CASE ready_kind WHEN 'task' THEN 30000 ELSE 0 END, ready_at, id
        LIMIT (SELECT COUNT(*) FROM free)
        FOR NO KEY UPDATE SKIP LOCKED
    ), placed AS (
        SELECT ordered.id, ordered.nth, free.slot_no
        FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY place, ready_at, id) AS nth FROM chosen) ordered
        JOIN free USING (nth)
    ), taken AS (
        UPDATE groups g SET
            owner = $1,
            owner_incarnation = $2,
            last_runner = $1,
            epoch = g.epoch + 1,
            -- Charged now, not at the failure: an attempt that takes everything down with it counts too.
            attempts = g.attempts + 1
        FROM placed
        WHERE g.id = placed.id AND g.owner IS NULL
        RETURNING g.id, g.epoch, g.name, g.is_main, g.settings, g.created_at, placed.slot_no, placed.nth
    ), slotted AS (
        INSERT INTO slots (runner, slot_no, group_id) SELECT $1, slot_no, id FROM taken
    )
    SELECT id, epoch, name, is_main, settings, created_at, slot_no FROM taken ORDER BY nth
";

fn read(row: &Row, request: &ClaimRequest) -> Result<Claimed> {
    let fence = Fence {
        group: parsed(row, "id")?,
        epoch: Epoch(get(row, "epoch")?),
        runner: request.runner.clone(),
        incarnation: request.incarnation,
    };
    Ok(Claimed {
        fence,
        group: groups::read(row)?,
        slot: count(row, "slot_no")?,
    })
}

#[cfg(test)]
mod tests {
    use proto::claim::TASK_AGEING;

    use super::*;

    #[test]
    fn the_order_of_the_statement_and_of_its_index_is_that_of_the_protocol() {
        // An index is found by its text, so the number stands there as one.
        let place = format!(
            "ready_at + CASE ready_kind WHEN 'task' THEN {} ELSE 0 END",
            TASK_AGEING.as_millis()
        );
        assert_eq!(TAKE.matches(&place).count(), 2);
        let schema = super::super::migrate::MIGRATIONS[0].sql;
        assert!(schema.contains(&format!("({place})")));
    }
}
