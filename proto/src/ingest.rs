//! From the log of accepted messages to the inbox: what the indexer moves, batch by batch.
//!
//! Invariant: a batch takes effect once and in order, because the partition's cursor moves from exactly where the batch
//! begins, in the same transaction as its rows.

use crate::ids::{GroupId, RunnerId};
use crate::inbound::Envelope;

/// Partitions of a log. Fixed for the life of a stream: another number is another stream, and so another generation.
pub const PARTITIONS: u32 = 8;

/// Partition that carries a group's messages: FNV-1a over its id and a final mix, so that every version agrees.
pub fn partition_of(group: &GroupId) -> u32 {
    let hash = group.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // Alone, FNV-1a leaves names that differ in their last digit only in one partition.
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed >> 32) % u64::from(PARTITIONS)) as u32
}

/// How far a partition is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionCursor {
    /// The partition, counted from 0.
    pub partition: u32,
    /// Of the log; grows when the log was made anew or lost messages.
    pub generation: i64,
    /// Sequence of the last message taken in; 0 at the start of a generation.
    pub through: u64,
}

/// A message of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Sequence in the log; grows within a partition, with gaps.
    pub sequence: u64,
    /// What it carries.
    pub content: Result<Envelope, Malformed>,
}

/// A message that nobody can read: it becomes a dead letter, and the cursor passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where it was found.
    pub subject: String,
    /// What is wrong with it.
    pub reason: String,
    /// Its beginning, as text: for the operator.
    pub excerpt: String,
}

/// What one transaction takes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexBatch {
    /// Where the partition must stand for the batch to count.
    pub from: PartitionCursor,
    /// Where it stands afterwards; at least the sequence of the last record.
    pub through: u64,
    /// In the order of the log.
    pub records: Vec<LogRecord>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// It is in.
    Done(IndexReport),
    /// Somebody else moved the cursor: nothing was done; read the cursor again.
    Overtaken,
}

/// What a batch brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// Groups whose inbox grew, each once, by id.
    pub grown: Vec<GrownGroup>,
    /// Rows added to inboxes.
    pub stored: u64,
    /// Messages that were there before.
    pub duplicates: u64,
    /// Messages that became dead letters: malformed, or of a group that is not registered.
    pub rejected: u64,
}

/// A group whose inbox grew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrownGroup {
    /// The group.
    pub group: GroupId,
    /// Runner that serves it now.
    pub owner: Option<RunnerId>,
    /// Runner that served it last and still lives: the one to ask first.
    pub last_runner: Option<RunnerId>,
    /// Whether one of the new messages engages the agent.
    pub engages: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_group_never_changes() {
        let of = |name: &str| partition_of(&GroupId::parse(name).unwrap());
        // Another answer would let a message overtake those that lie in the old partition.
        assert_eq!(
            ["main", "family", "team-1", "team-2"].map(of),
            PINNED,
            "changing this needs a new generation of the stream"
        );
    }

    #[test]
    fn groups_spread_over_all_partitions() {
        let mut counts = [0_u32; PARTITIONS as usize];
        for number in 0..8_000 {
            counts[partition_of(&GroupId::parse(&format!("group-{number}")).unwrap()) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    const PINNED: [u32; 4] = [3, 7, 5, 3];
}
