//! What every engine does alike with a batch of the log: whether it is sound, and what is reported of it.

use std::collections::BTreeMap;

use proto::ids::{GroupId, RunnerId};
use proto::ingest::{GrownGroup, IndexBatch, IndexReport};

use crate::{Error, Result};

/// Fails unless the records follow one another, all of them after the cursor and none behind where it is to go.
pub(crate) fn check(batch: &IndexBatch) -> Result<()> {
    let mut last = batch.from.through;
    for record in &batch.records {
        if record.sequence <= last {
            return Err(out_of_order(batch, record.sequence));
        }
        last = record.sequence;
    }
    // Cursors are stored as signed numbers.
    if batch.through < last || i64::try_from(batch.through).is_err() {
        return Err(out_of_order(batch, batch.through));
    }
    Ok(())
}

fn out_of_order(batch: &IndexBatch, sequence: u64) -> Error {
    Error::Conflict(format!(
        "a batch of partition {} from {} to {} has {sequence} out of order",
        batch.from.partition, batch.from.through, batch.through
    ))
}

/// Why a message became a dead letter: `what` with this id does not exist.
pub(crate) fn unclaimed(what: &str, id: &str) -> String {
    format!("{what} {id} is not known here")
}

/// The error of a log that contradicts what is known of it.
pub(crate) fn other_partitions(identity: &str, known: u32, given: u32) -> Error {
    Error::Conflict(format!(
        "the log {identity} has {known} partitions and not {given}: another number needs another log"
    ))
}

/// Counts what a batch brings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    grown: BTreeMap<GroupId, bool>,
    stored: u64,
    duplicates: u64,
    rejected: u64,
}

impl Report {
    pub(crate) fn stored(&mut self, group: &GroupId, engages: bool) {
        self.stored += 1;
        match self.grown.get_mut(group) {
            Some(engaged) => *engaged |= engages,
            None => drop(self.grown.insert(group.clone(), engages)),
        }
    }

    pub(crate) fn duplicate(&mut self) {
        self.duplicates += 1;
    }

    pub(crate) fn rejected(&mut self) {
        self.rejected += 1;
    }

    /// The report; `runners_of` says who owns a group and who held it last.
    pub(crate) fn finish(
        self,
        mut runners_of: impl FnMut(&GroupId) -> Result<(Option<RunnerId>, Option<RunnerId>)>,
    ) -> Result<IndexReport> {
        let grown = self.grown.into_iter().map(|(group, engages)| {
            let (owner, last_runner) = runners_of(&group)?;
            Ok(GrownGroup {
                group,
                owner,
                last_runner,
                engages,
            })
        });
        Ok(IndexReport {
            grown: grown.collect::<Result<_>>()?,
            stored: self.stored,
            duplicates: self.duplicates,
            rejected: self.rejected,
        })
    }
}
