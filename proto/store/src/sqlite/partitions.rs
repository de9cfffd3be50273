//! Which log is read, and how far each of its partitions is taken in.

use proto::ingest::{IndexBatch, PartitionCursor};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{count, stored};
use crate::{Result, indexing};

pub(super) fn all(conn: &Connection) -> Result<Vec<PartitionCursor>> {
    let cursors = conn
        .prepare_cached("SELECT partition, generation, cursor FROM partitions ORDER BY partition")?
        .query_map([], |row| {
            Ok(PartitionCursor {
                partition: row.get("partition")?,
                generation: row.get("generation")?,
                through: count(row, "cursor")?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(cursors)
}

pub(super) fn adopt(conn: &Connection, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>> {
    let newest: Option<(String, i64, u32)> = conn
        .prepare_cached("SELECT log, generation, COUNT(*) FROM partitions GROUP BY log, generation")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match newest {
        Some((log, _, known)) if log == identity && known == partitions => {}
        Some((log, _, known)) if log == identity => {
            return Err(indexing::other_partitions(identity, known, partitions));
        }
        Some((_, generation, _)) => begin(conn, identity, partitions, generation + 1)?,
        None => begin(conn, identity, partitions, 1)?,
    }
    all(conn)
}

fn begin(conn: &Connection, log: &str, partitions: u32, generation: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM partitions")?.execute([])?;
    let mut insert =
        conn.prepare_cached("INSERT INTO partitions (partition, log, generation, cursor) VALUES (?1, ?2, ?3, 0)")?;
    for partition in 0..partitions {
        insert.execute(params![partition, log, generation])?;
    }
    Ok(())
}

pub(super) fn restart(conn: &Connection, seen: &PartitionCursor) -> Result<Vec<PartitionCursor>> {
    if all(conn)?.contains(seen) {
        conn.prepare_cached("UPDATE partitions SET generation = generation + 1, cursor = 0")?
            .execute([])?;
    }
    all(conn)
}

/// Moves the cursor of a batch's partition; `false`: somebody else did.
pub(super) fn advance(conn: &Connection, batch: &IndexBatch) -> Result<bool> {
    let touched = conn
        .prepare_cached(
            "
            UPDATE partitions SET cursor = :through
            WHERE partition = :partition AND generation = :generation AND cursor = :from
            ",
        )?
        .execute(named_params! {
            ":through": stored(batch.through),
            ":partition": batch.from.partition,
            ":generation": batch.from.generation,
            ":from": stored(batch.from.through),
        })?;
    Ok(touched == 1)
}
