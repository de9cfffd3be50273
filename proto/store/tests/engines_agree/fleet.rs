//! The steps of a fleet: batches of a log, and leases.

use proto::ids::{ChatId, Epoch, GroupId, SnapshotId};
use proto::inbound::{Details, Envelope};
use proto::ingest::{IndexBatch, Indexed, LogRecord, Malformed, PartitionCursor};
use proto::lease::holding::{Hold, LeaseName};
use proto::snapshot::{Digest, SnapshotRef};
use proto::time::Timestamp;
use proto::trace::TraceContext;
use store::Store;
use uuid::Uuid;

use super::{Dice, Memory, Stores, assert_same};

/// A log is made anew, loses messages, or brings a batch: to the newest cursor mostly, else to one of the past.
pub(super) async fn index(stores: &Stores, dice: &mut Dice, memory: &mut Memory, step: i64, now: Timestamp) {
    let seen = match dice.roll(16) {
        0 => {
            let (log, partitions) = (format!("log {}", dice.roll(3)), 2 + u32::from(dice.roll(4) == 0));
            same!(stores, s => s.adopt_log(&log, partitions)).unwrap_or_default()
        }
        1 => match dice.pick(&memory.cursors) {
            Some(seen) => same!(stores, s => s.restart_log(seen)).unwrap(),
            None => Vec::new(),
        },
        _ => same!(stores, s => s.partition_cursors()).unwrap(),
    };
    memory.cursors.extend(seen);
    let Some(from) = dice.pick(&memory.cursors).copied() else {
        same!(stores, s => s.adopt_log("log 0", 2)).unwrap();
        return;
    };
    let batch = some_batch(dice, from, step, now);
    let indexed = same!(stores, s => s.index_batch(&batch, now));
    memory.indexed += usize::from(matches!(indexed, Ok(Indexed::Done(report)) if report.stored > 0));
    same!(stores, s => s.dead_letters(5)).unwrap();
}

fn some_batch(dice: &mut Dice, from: PartitionCursor, step: i64, now: Timestamp) -> IndexBatch {
    let mut sequence = from.through;
    let mut records = Vec::new();
    for _ in 0..dice.roll(5) {
        // Now and then out of order.
        sequence += dice.roll(20).min(3);
        let content = if dice.roll(8) == 0 {
            Err(Malformed {
                subject: format!("in.{}", from.partition),
                reason: "not JSON".to_owned(),
                excerpt: format!("{step}"),
            })
        } else {
            Ok(some_envelope(dice, step, now))
        };
        records.push(LogRecord { sequence, content });
    }
    IndexBatch {
        from,
        through: sequence,
        records,
    }
}

fn some_envelope(dice: &mut Dice, step: i64, now: Timestamp) -> Envelope {
    Envelope {
        dedup_key: format!("{}", dice.roll(2_000)),
        group: GroupId::parse(&format!("g{}", dice.roll(4))).unwrap(),
        chat: ChatId::new(format!("test:c{}", dice.roll(4))),
        sender: "s".to_owned(),
        sender_name: "S".to_owned(),
        text: format!("{step}"),
        sent_at: now,
        engages: dice.roll(3) > 0,
        trace: (dice.roll(2) == 0).then(|| TraceContext::start(Uuid::from_u128(u128::from(step.unsigned_abs()) + 1))),
        task: None,
        details: Details::default(),
    }
}

/// Candidates and holders act on what they saw of a lease, just now or long ago.
pub(super) async fn lead(stores: &Stores, dice: &mut Dice, memory: &mut Memory, step: i64) {
    let name = match dice.roll(3) {
        0 => LeaseName::Scheduler,
        n => account(&format!("a{}", n - 1)),
    };
    match dice.roll(4) {
        0 | 1 => {
            let row = same!(stores, s => s.lease(&name)).unwrap();
            memory.sightings.push((name, row));
            if let Some((name, seen)) = dice.pick(&memory.sightings).cloned() {
                let holder = format!("{step}");
                let taken = same!(stores, s => s.take_lease(&name, &holder, &seen)).unwrap();
                memory.holds.extend(taken.map(|epoch| Hold { name, holder, epoch }));
            }
        }
        2 => {
            if let Some(hold) = dice.pick(&memory.holds) {
                same!(stores, s => s.renew_lease(hold)).ok();
            }
        }
        _ => {
            if let Some(hold) = dice.pick(&memory.holds).filter(|_| dice.roll(3) == 0) {
                same!(stores, s => s.release_lease(hold)).unwrap();
            }
        }
    }
}

pub(super) fn account(account: &str) -> LeaseName {
    LeaseName::Account {
        channel: "test".to_owned(),
        account: account.to_owned(),
    }
}

/// A hold that nobody ever had.
pub(super) fn of_nobody(name: LeaseName) -> Hold {
    Hold {
        name,
        holder: "nobody".to_owned(),
        epoch: Epoch(1),
    }
}

pub(super) fn snapshot(id: Uuid) -> SnapshotRef {
    SnapshotRef {
        id: SnapshotId(id),
        manifest: format!("manifests/{id}"),
        digest: Digest([7; 32]),
        bytes: 1 << 40,
        files: 3,
    }
}
