//! The indexer: which log is read, how far, and taking a batch in.

use proto::inbound::Envelope;
use proto::ingest::{IndexBatch, Indexed, PartitionCursor};
use proto::time::Timestamp;

use super::state::{Partitions, State};
use super::switches::Switch;
use crate::indexing::{self, Report};
use crate::{Appended, DeadLetter, Error, Letter, Result};

impl State {
    pub(super) fn partition_cursors(&self) -> Vec<PartitionCursor> {
        let cursors = (0_u32..).zip(&self.partitions.cursors);
        cursors
            .map(|(partition, through)| PartitionCursor {
                partition,
                generation: self.partitions.generation,
                through: *through,
            })
            .collect()
    }

    pub(super) fn adopt_log(&mut self, identity: &str, partitions: u32) -> Result<Vec<PartitionCursor>> {
        let known = &self.partitions;
        let count = u32::try_from(known.cursors.len()).unwrap_or(u32::MAX);
        if known.log != identity || known.cursors.is_empty() {
            self.partitions = Partitions {
                log: identity.to_owned(),
                generation: known.generation + 1,
                cursors: vec![0; partitions as usize],
            };
        } else if count != partitions {
            return Err(indexing::other_partitions(identity, count, partitions));
        }
        Ok(self.partition_cursors())
    }

    pub(super) fn restart_log(&mut self, seen: &PartitionCursor) -> Vec<PartitionCursor> {
        if self.partition_cursors().contains(seen) {
            self.partitions.generation += 1;
            self.partitions.cursors.fill(0);
        }
        self.partition_cursors()
    }

    pub(super) fn index(&mut self, batch: &IndexBatch, now: Timestamp) -> Result<Indexed> {
        indexing::check(batch)?;
        if !self.move_partition(batch) {
            return Ok(Indexed::Overtaken);
        }
        let mut report = Report::default();
        for record in &batch.records {
            match &record.content {
                Ok(envelope) => self.take_in(envelope, now, &mut report)?,
                Err(malformed) => {
                    let letter = Letter::Malformed(malformed.clone());
                    self.put_letter(letter, malformed.reason.clone(), now);
                    report.rejected();
                }
            }
        }
        let report = report.finish(|group| {
            let row = self.groups.get(group);
            Ok(row.map_or((None, None), |row| {
                (
                    row.owner.as_ref().map(|(owner, _)| owner.clone()),
                    self.last_runner(row),
                )
            }))
        })?;
        Ok(Indexed::Done(report))
    }

    fn move_partition(&mut self, batch: &IndexBatch) -> bool {
        let stands = self.partition_cursors().contains(&batch.from);
        let cursor = self.partitions.cursors.get_mut(batch.from.partition as usize);
        match cursor {
            Some(cursor) if stands || self.missing.contains(&Switch::CursorCompareAndSet) => {
                *cursor = batch.through;
                true
            }
            Some(_) | None => false,
        }
    }

    fn take_in(&mut self, envelope: &Envelope, now: Timestamp, report: &mut Report) -> Result<()> {
        match self.append(envelope, now) {
            Ok(Appended::Stored(_)) => report.stored(&envelope.group, envelope.engages),
            Ok(Appended::Duplicate) => report.duplicate(),
            Err(Error::NotFound { what, id }) => {
                let letter = Letter::Unclaimed(envelope.clone());
                self.put_letter(letter, indexing::unclaimed(what, &id), now);
                report.rejected();
            }
            Err(other) => return Err(other),
        }
        Ok(())
    }

    pub(super) fn put_letter(&mut self, letter: Letter, reason: String, at: Timestamp) {
        let id = self.dead_letters.last_key_value().map_or(1, |(id, _)| id + 1);
        self.dead_letters.insert(id, DeadLetter { letter, reason, at });
    }
}
