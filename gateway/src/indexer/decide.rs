//! The decisions of the indexer, over plain data.

use std::time::Duration;

use bus::{Hint, Waiting};
use proto::ingest::{GrownGroup, IndexBatch, IndexReport, LogRecord, PartitionCursor};

/// First wait after a failure.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait: an outage is over for at most this long before anybody notices.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// How a partition stood at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// How far it was indexed.
    pub(super) cursor: PartitionCursor,
    /// The oldest message after that.
    pub(super) waiting: Option<Waiting>,
}

/// Whether nobody works on a partition although there is work: between two looks the same message waited behind the same
/// cursor.
pub(super) fn is_stuck(before: &Look, now: &Look) -> bool {
    now.waiting.is_some() && before == now
}

/// What is taken in at once; nothing to take is no batch.
pub(super) fn batch(from: PartitionCursor, records: Vec<LogRecord>) -> Option<IndexBatch> {
    let through = records.last()?.sequence;
    Some(IndexBatch { from, through, records })
}

/// Whom a commit concerns: the owner of a group, else the runner that served it last, else any with a free slot. A group
/// that nobody serves and that only gathers context concerns nobody.
pub(super) fn hints(report: IndexReport) -> impl Iterator<Item = Hint> {
    report.grown.into_iter().filter_map(|grown| {
        let GrownGroup {
            group,
            owner,
            last_runner,
            engages,
        } = grown;
        if engages {
            return Some(Hint::called(group, owner, last_runner));
        }
        owner.is_some().then_some(Hint::Inbox { group, owner, engages })
    })
}

/// Wait after the `failures`-th failure in a row; `jitter` from 0 to 1 spreads the gateways.
pub(super) fn backoff(failures: u32, jitter: f64) -> Duration {
    let doubled = BACKOFF_MIN * 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    doubled.min(BACKOFF_MAX).mul_f64(0.5 + jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use proto::ids::{GroupId, RunnerId};
    use proto::time::Timestamp;

    use super::*;

    fn look(through: u64, waiting: Option<u64>) -> Look {
        Look {
            cursor: PartitionCursor {
                partition: 0,
                generation: 1,
                through,
            },
            waiting: waiting.map(|sequence| Waiting {
                sequence,
                since: Timestamp::from_millis(5),
            }),
        }
    }

    #[test]
    fn a_partition_is_stuck_when_the_same_message_waits_behind_the_same_cursor() {
        assert!(is_stuck(&look(3, Some(4)), &look(3, Some(4))));
        assert!(!is_stuck(&look(3, Some(4)), &look(4, Some(5))), "somebody works on it");
        assert!(!is_stuck(&look(3, None), &look(3, Some(4))), "it came just now");
        assert!(!is_stuck(&look(3, None), &look(3, None)), "there is nothing to do");
    }

    #[test]
    fn the_owner_is_told_else_the_last_runner_else_anybody() {
        let grown = |owner: Option<&str>, last: Option<&str>, engages| GrownGroup {
            group: GroupId::parse("main").unwrap(),
            owner: owner.map(RunnerId::new),
            last_runner: last.map(RunnerId::new),
            engages,
        };
        let told = |grown| {
            let report = IndexReport {
                grown: vec![grown],
                ..IndexReport::default()
            };
            hints(report).next()
        };
        assert_eq!(
            told(grown(Some("a"), Some("b"), false)),
            Some(Hint::Inbox {
                group: GroupId::parse("main").unwrap(),
                owner: Some(RunnerId::new("a")),
                engages: false,
            })
        );
        let ready = |runner: Option<&str>| {
            Some(Hint::Ready {
                runner: runner.map(RunnerId::new),
            })
        };
        assert_eq!(told(grown(None, Some("b"), true)), ready(Some("b")));
        assert_eq!(told(grown(None, None, true)), ready(None));
        assert_eq!(told(grown(None, Some("b"), false)), None);
    }

    #[test]
    fn waits_grow_to_a_limit() {
        assert_eq!(backoff(1, 1.0), BACKOFF_MIN);
        assert_eq!(backoff(2, 1.0), BACKOFF_MIN * 2);
        assert_eq!(backoff(1_000, 1.0), BACKOFF_MAX);
        assert_eq!(backoff(1_000, 0.0), BACKOFF_MAX / 2);
    }
}
