//! Taking a batch of the log in: its rows and the partition's cursor in one transaction.

use proto::ids::{GroupId, RunnerId};
use proto::inbound::Envelope;
use proto::ingest::{IndexBatch, Indexed};
use proto::time::Timestamp;
use rusqlite::{Connection, params};

use super::{dead_letters, inbox, partitions};
use crate::indexing::{self, Report};
use crate::{Appended, Error, Result};

pub(super) fn index(conn: &Connection, batch: &IndexBatch, now: Timestamp) -> Result<Indexed> {
    indexing::check(batch)?;
    // First: whoever comes second with the same batch touches nothing else.
    if !partitions::advance(conn, batch)? {
        return Ok(Indexed::Overtaken);
    }
    let mut report = Report::default();
    for record in &batch.records {
        match &record.content {
            Ok(envelope) => take_in(conn, envelope, now, &mut report)?,
            Err(malformed) => {
                dead_letters::put_malformed(conn, malformed, now)?;
                report.rejected();
            }
        }
    }
    report.finish(|group| runners_of(conn, group)).map(Indexed::Done)
}

fn take_in(conn: &Connection, envelope: &Envelope, now: Timestamp, report: &mut Report) -> Result<()> {
    // An append that finds no group or chat has changed nothing before it says so.
    match inbox::append(conn, envelope, now) {
        Ok(Appended::Stored(_)) => report.stored(&envelope.group, envelope.engages),
        Ok(Appended::Duplicate) => report.duplicate(),
        Err(Error::NotFound { what, id }) => {
            dead_letters::put_unclaimed(conn, envelope, &indexing::unclaimed(what, &id), now)?;
            report.rejected();
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Who owns a group, and who held it last, if that runner still lives.
pub(super) fn runners_of(conn: &Connection, group: &GroupId) -> Result<(Option<RunnerId>, Option<RunnerId>)> {
    let runners = conn
        .prepare_cached(
            "
            SELECT owner, (SELECT r.id FROM runners r WHERE r.id = last_runner AND NOT r.dead) AS last_runner
            FROM groups WHERE id = ?1
            ",
        )?
        .query_row(params![group.as_str()], |row| {
            let (owner, last): (Option<String>, Option<String>) = (row.get("owner")?, row.get("last_runner")?);
            Ok((owner.map(RunnerId::new), last.map(RunnerId::new)))
        })?;
    Ok(runners)
}
