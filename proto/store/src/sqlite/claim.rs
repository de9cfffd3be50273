//! The claim: which groups a runner gets, and the fence that comes with each.

use proto::claim::{ClaimRequest, Claimed, Fence, STICKY_DELAY, TASK_AGEING};
use proto::ids::{Epoch, GroupId};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{parsed, stored};
use super::error::unavailable;
use super::{groups, runners};
use crate::Result;

pub(super) fn claim(conn: &Connection, request: &ClaimRequest) -> Result<Vec<Claimed>> {
    let slots = free_slots(conn, request)?;
    let ready = choose(conn, request, slots.len())?;
    ready
        .into_iter()
        .zip(slots)
        .map(|(group, slot)| take(conn, request, group, slot))
        .collect()
}

/// Numbers of the slots that are really free; a wrong count of the caller never makes more.
fn free_slots(conn: &Connection, request: &ClaimRequest) -> Result<Vec<u32>> {
    let slots: Option<u32> = conn
        .prepare_cached("SELECT slots FROM runners WHERE id = ?1 AND incarnation = ?2 AND dead = 0")?
        .query_row(params![request.runner.as_str(), request.incarnation.0], |row| {
            row.get(0)
        })
        .optional()?;
    let slots = slots.ok_or_else(|| runners::replaced(&request.runner, request.incarnation))?;
    let taken: Vec<u32> = conn
        .prepare_cached("SELECT slot_no FROM slots WHERE runner = ?1")?
        .query_map(params![request.runner.as_str()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // A runner that came back with fewer slots may still have taken ones with higher numbers: they count as well.
    let free = (slots as usize)
        .saturating_sub(taken.len())
        .min(request.free_slots as usize);
    Ok((0..slots).filter(|slot| !taken.contains(slot)).take(free).collect())
}

fn choose(conn: &Connection, request: &ClaimRequest, limit: usize) -> Result<Vec<GroupId>> {
    let ready = conn
        .prepare_cached(
            "
            SELECT id FROM groups
            WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= :now
              -- Sticky: the workspace and the warm cache are at the runner that held the group last, while there is one.
              AND (
                  last_runner IS NULL OR last_runner = :runner OR ready_at + :sticky <= :now
                  OR NOT EXISTS (SELECT 1 FROM runners last WHERE last.id = last_runner AND NOT last.dead)
              )
            -- proto::claim::claim_order
            ORDER BY ready_at + CASE ready_kind WHEN 'task' THEN :ageing ELSE 0 END, ready_at, id
            LIMIT :limit
            ",
        )?
        .query_map(
            named_params! {
                ":now": request.now.as_millis(),
                ":runner": request.runner.as_str(),
                ":sticky": stored(STICKY_DELAY.as_millis() as u64),
                ":ageing": stored(TASK_AGEING.as_millis() as u64),
                ":limit": stored(limit as u64),
            },
            |row| parsed(row, "id"),
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok(ready)
}

/// Cannot grant twice: the UPDATE names an unowned group, and the unique `slots.group_id` would refuse a second slot.
fn take(conn: &Connection, request: &ClaimRequest, id: GroupId, slot: u32) -> Result<Claimed> {
    let epoch = conn
        .prepare_cached(
            "
            UPDATE groups SET
                owner = :runner,
                owner_incarnation = :incarnation,
                last_runner = :runner,
                epoch = epoch + 1,
                -- Charged now, not at the failure: an attempt that takes everything down with it counts too.
                attempts = attempts + 1
            WHERE id = :group AND owner IS NULL
            RETURNING epoch
            ",
        )?
        .query_row(
            named_params! {
                ":runner": request.runner.as_str(),
                ":incarnation": request.incarnation.0,
                ":group": id.as_str(),
            },
            |row| row.get(0),
        )?;
    conn.prepare_cached("INSERT INTO slots (runner, slot_no, group_id) VALUES (?1, ?2, ?3)")?
        .execute(params![request.runner.as_str(), slot, id.as_str()])?;
    let group =
        groups::get(conn, &id)?.ok_or_else(|| unavailable(format!("group {id} vanished inside a transaction")))?;
    let fence = Fence {
        group: id,
        epoch: Epoch(epoch),
        runner: request.runner.clone(),
        incarnation: request.incarnation,
    };
    Ok(Claimed { fence, group, slot })
}
