//! Runners: their lives, their heartbeats, and what becomes of their groups when a life ends.

use proto::ids::{GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;
use tokio_postgres::Row;

use super::columns::{self, count, get, parsed};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::Tx;
use crate::{Error, RunnerRow};

pub(super) async fn register(tx: &Tx, runner: &RunnerId, slots: u32, now: Timestamp) -> Result<Incarnation> {
    let register = statement!(
        "
        INSERT INTO runners AS r (id, incarnation, heartbeat, dead, slots, registered_at)
        VALUES ($1, 1, 0, FALSE, $2, $3)
        ON CONFLICT (id) DO UPDATE SET
            incarnation = r.incarnation + 1, heartbeat = 0, dead = FALSE, slots = $2, registered_at = $3
        RETURNING incarnation
        ",
        runner,
        slots,
        now,
    );
    // An update alone would let acts of the earlier life pass that began before it and end after it. They share this row,
    // so whoever takes it for itself waits for them, and is seen by the next.
    let alone = statement!("SELECT 1 FROM runners WHERE id = $1 FOR UPDATE", runner);
    let [_, answer] = tx.transact([alone, register]).await?;
    Ok(Incarnation(get(answer.one()?, "incarnation")?))
}

pub(super) async fn heartbeat(tx: &Tx, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
    let beat = statement!(
        "
        UPDATE runners SET heartbeat = heartbeat + 1 WHERE id = $1 AND incarnation = $2 AND NOT dead
        RETURNING 1
        ",
        runner,
        incarnation,
    );
    // May be forgotten in a crash of the server: the counter is only ever compared with what it was, and whoever watches
    // it begins anew after an outage. So it need not wait for a disk, which may be what is slow.
    let [answer] = tx.transact_unsynced([beat]).await?;
    answer
        .row()
        .map(|_| ())
        .ok_or_else(|| replaced(runner, incarnation).into())
}

pub(super) async fn all(tx: &Tx) -> Result<Vec<RunnerRow>> {
    let runners = statement!(
        "
        SELECT id, incarnation, heartbeat, dead,
            GREATEST(slots - (SELECT COUNT(*) FROM slots taken WHERE taken.runner = runners.id), 0) AS free_slots
        FROM runners
        ORDER BY id
        "
    );
    columns::all(&tx.read(runners).await?.rows, read)
}

pub(super) async fn free_stale(
    tx: &Tx,
    runner: &RunnerId,
    current: Incarnation,
    now: Timestamp,
) -> Result<Vec<GroupId>> {
    let [take, free, slots] = free_groups(runner, Incarnation(current.0 - 1), now);
    // No claim of an earlier life can come in between: claims look at the runner's row, where `current` is written.
    let [_, freed, _] = tx.transact([take, free, slots]).await?;
    read_freed(&freed.rows)
}

pub(super) async fn declare_dead(tx: &Tx, seen: &RunnerRow, now: Timestamp) -> Result<Vec<GroupId>> {
    // The comparison with what was seen makes a runner that moved on after all survive its own obituary. Claims of this
    // runner wait for its row and find it dead then, so no group is added to those that are freed.
    let dead = statement!(
        "
        UPDATE runners SET dead = TRUE WHERE id = $1 AND incarnation = $2 AND heartbeat = $3 AND NOT dead
        RETURNING 1
        ",
        &seen.runner,
        seen.incarnation,
        seen.heartbeat,
    );
    let [declared] = tx.begin([dead]).await?;
    if declared.row().is_none() {
        return Ok(Vec::new());
    }
    let [_, freed, _] = tx.commit(free_groups(&seen.runner, seen.incarnation, now)).await?;
    read_freed(&freed.rows)
}

pub(super) async fn retire(tx: &Tx, runner: &RunnerId, incarnation: Incarnation) -> Result<()> {
    // A claim under way holds the runner's row: the next statement sees what it took.
    let lock = statement!("SELECT 1 FROM runners WHERE id = $1 FOR NO KEY UPDATE", runner);
    let retire = statement!(
        "
        UPDATE runners SET dead = TRUE
        WHERE id = $1 AND incarnation = $2 AND NOT dead
          AND NOT EXISTS (SELECT 1 FROM groups WHERE owner = $1)
        ",
        runner,
        incarnation,
    );
    tx.transact([lock, retire]).await?;
    Ok(())
}

pub(super) fn replaced(runner: &RunnerId, incarnation: Incarnation) -> Error {
    Error::RunnerReplaced {
        runner: runner.clone(),
        incarnation,
    }
}

/// Takes all groups from the lives of a runner up to `last_life`. The epoch grows, so that whatever still acts for
/// them is fenced even if the same runner claims them next.
///
/// Locked by id first, in a statement of its own: the next one then sees what the acts that were waited for have done.
fn free_groups(runner: &RunnerId, last_life: Incarnation, now: Timestamp) -> [Statement<'_>; 3] {
    let take = statement!(
        "SELECT 1 FROM groups WHERE owner = $1 AND owner_incarnation <= $2 ORDER BY id FOR NO KEY UPDATE",
        runner,
        last_life,
    );
    let slots = statement!(
        "
        DELETE FROM slots s
        WHERE s.runner = $1 AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = s.group_id AND g.owner = $1)
        ",
        runner,
    );
    let free = statement!(
        "
        WITH held AS MATERIALIZED (
            SELECT g.id,
                EXISTS (SELECT 1 FROM turns t WHERE t.group_id = g.id AND t.state = 'open')
                OR EXISTS (SELECT 1 FROM messages m WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages)
                AS has_work,
                EXISTS (SELECT 1 FROM messages m WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages)
                AND NOT EXISTS (
                    SELECT 1 FROM messages m
                    WHERE m.group_id = g.id AND m.ord > g.cursor_ord AND m.engages AND m.task IS NULL
                )
                AS only_tasks
            FROM groups g
            WHERE g.owner = $1 AND g.owner_incarnation <= $2
        )
        UPDATE groups g SET
            owner = NULL,
            owner_incarnation = NULL,
            epoch = g.epoch + 1,
            ready_at = CASE WHEN held.has_work THEN $3 END,
            ready_kind = CASE WHEN held.only_tasks THEN 'task' ELSE 'interactive' END,
            -- The attempt ended through no fault of its messages; what counts is that a runner died over them.
            attempts = CASE WHEN held.has_work THEN GREATEST(g.attempts - 1, 0) ELSE 0 END,
            runner_deaths = CASE WHEN held.has_work THEN g.runner_deaths + 1 ELSE 0 END
        FROM held
        WHERE g.id = held.id
        RETURNING g.id
        ",
        runner,
        last_life,
        now,
    );
    [take, free, slots]
}

/// Gives the slot of a group back.
pub(super) fn free_slot(group: &GroupId) -> Statement<'_> {
    statement!(
        "
        WITH freed AS (DELETE FROM slots WHERE group_id = $1 RETURNING 1)
        SELECT must_touch(1, COUNT(*)) FROM freed
        ",
        group,
    )
}

fn read_freed(rows: &[Row]) -> Result<Vec<GroupId>> {
    let mut freed: Vec<GroupId> = columns::all(rows, |row| parsed(row, "id"))?;
    freed.sort();
    Ok(freed)
}

fn read(row: &Row) -> Result<RunnerRow> {
    Ok(RunnerRow {
        runner: RunnerId::new(get::<String>(row, "id")?),
        incarnation: Incarnation(get(row, "incarnation")?),
        heartbeat: get(row, "heartbeat")?,
        dead: get(row, "dead")?,
        free_slots: count(row, "free_slots")?,
    })
}
