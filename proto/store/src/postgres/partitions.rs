//! Partitions: which log is taken in, and how far.

use proto::ingest::PartitionCursor;
use tokio_postgres::Row;

use super::columns::{all, count, get};
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use crate::indexing;

/// Keeps everybody else from changing the partitions until the end of the transaction: those that adopt or restart at the
/// same time come one after the other and see what the one before did. Reads pass.
const ALONE: &str = "LOCK TABLE partitions IN SHARE ROW EXCLUSIVE MODE";

pub(super) async fn cursors(tx: &Tx) -> Result<Vec<PartitionCursor>> {
    read_all(&tx.read(select()).await?)
}

pub(super) async fn adopt(tx: &Tx, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>> {
    // Every gateway asks at its start; nearly always the log is the known one, and then nobody has to wait.
    let known = tx.read(select()).await?;
    if let Some(cursors) = as_known(&known, identity, partitions)? {
        return Ok(cursors);
    }
    let [_, known] = tx.begin([statement!(ALONE), select()]).await?;
    if let Some(cursors) = as_known(&known, identity, partitions)? {
        return Ok(cursors);
    }
    let before = read_all(&known)?.first().map_or(0, |cursor| cursor.generation);
    let make = statement!(
        "
        INSERT INTO partitions (partition, log, generation, cursor)
        SELECT partition, $1, $2, 0 FROM generate_series(0, $3 - 1) AS partition
        ",
        identity,
        before + 1,
        partitions,
    );
    let [_, _, made] = tx
        .commit([statement!("DELETE FROM partitions"), make, select()])
        .await?;
    read_all(&made)
}

pub(super) async fn restart(tx: &Tx, seen: &PartitionCursor) -> Result<Vec<PartitionCursor>> {
    let [_, known] = tx.begin([statement!(ALONE), select()]).await?;
    let known = read_all(&known)?;
    if !known.contains(seen) {
        return Ok(known);
    }
    let again = statement!("UPDATE partitions SET generation = generation + 1, cursor = 0");
    let [_, restarted] = tx.commit([again, select()]).await?;
    read_all(&restarted)
}

/// Cursors of the log if it is the one known; none for another.
fn as_known(answer: &Answer, identity: &str, partitions: u32) -> Result<Option<Vec<PartitionCursor>>> {
    match answer.row() {
        Some(row) if get::<&str>(row, "log")? == identity => {}
        Some(_) | None => return Ok(None),
    }
    let known = answer.rows.len();
    if known != partitions as usize {
        let known = u32::try_from(known).unwrap_or(u32::MAX);
        return Err(indexing::other_partitions(identity, known, partitions).into());
    }
    read_all(answer).map(Some)
}

fn select() -> Statement<'static> {
    statement!("SELECT partition, log, generation, cursor FROM partitions ORDER BY partition")
}

fn read_all(answer: &Answer) -> Result<Vec<PartitionCursor>> {
    all(&answer.rows, read)
}

fn read(row: &Row) -> Result<PartitionCursor> {
    Ok(PartitionCursor {
        partition: count(row, "partition")?,
        generation: get(row, "generation")?,
        through: count(row, "cursor")?,
    })
}
