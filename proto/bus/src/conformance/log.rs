//! The way in and the log behind it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use proto::ids::GroupId;
use proto::ingest::{LogRecord, PARTITIONS, partition_of};

use super::{group, message, soon};
use crate::{Accepted, Ingress, Log, LogReader};

const LINGER: Duration = Duration::from_millis(3);

/// Runs every case on a log that is empty and used by nobody else. Each case has groups of its own.
pub(crate) async fn all(ingress: &dyn Ingress, log: &dyn Log) {
    messages_of_a_group_are_read_in_the_order_they_were_given(ingress, log).await;
    messages_given_at_once_keep_the_order_they_were_given_in(ingress, log).await;
    a_second_message_with_the_same_key_is_swallowed(ingress, log).await;
    any_text_can_be_a_dedup_key(ingress, log).await;
    reading_goes_on_after_the_cursor(ingress, log).await;
    a_reader_waits_for_the_first_message_and_then_not_for_long(ingress, log).await;
    a_cancelled_read_loses_nothing(ingress, log).await;
    a_batch_is_never_larger_than_asked_for(ingress, log).await;
    the_oldest_waiting_message_is_known(ingress, log).await;
    purging_removes_what_is_indexed_and_nothing_else(ingress, log).await;
    the_log_says_who_it_is_and_how_far_it_goes(ingress, log).await;
    everything_of_a_message_comes_through(ingress, log).await;
}

async fn messages_of_a_group_are_read_in_the_order_they_were_given(ingress: &dyn Ingress, log: &dyn Log) {
    let (family, work) = (group("order-family"), group("order-work"));
    for number in 0..20 {
        give(ingress, &family, &number.to_string()).await;
        give(ingress, &work, &number.to_string()).await;
    }
    let expected: Vec<_> = (0..20).map(|number: u32| number.to_string()).collect();
    assert_eq!(texts(log, &family, 20).await, expected);
    assert_eq!(texts(log, &work, 20).await, expected);
}

async fn messages_given_at_once_keep_the_order_they_were_given_in(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("at-once");
    let all = (0..50).map(|number| ingress.accept(message(&family, &number.to_string())));
    for accepted in join_all(all).await {
        assert!(accepted.unwrap().is_new);
    }
    let expected: Vec<_> = (0..50).map(|number: u32| number.to_string()).collect();
    assert_eq!(texts(log, &family, 50).await, expected);
}

async fn a_second_message_with_the_same_key_is_swallowed(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("twice");
    assert!(give(ingress, &family, "a").await.is_new);
    assert!(!give(ingress, &family, "a").await.is_new);
    assert!(give(ingress, &family, "b").await.is_new);
    assert_eq!(texts(log, &family, 2).await, ["a", "b"]);
}

async fn any_text_can_be_a_dedup_key(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("keys");
    let keys = [
        "",
        " ",
        "a b",
        "a\r\nb",
        "a\nNats-Rollup: all",
        "üß🦀",
        "x".repeat(5_000).leak(),
    ];
    for (number, key) in keys.iter().enumerate() {
        let mut envelope = message(&family, &number.to_string());
        envelope.dedup_key = (*key).to_owned();
        assert!(ingress.accept(envelope.clone()).await.unwrap().is_new, "{key:?}");
        assert!(!ingress.accept(envelope).await.unwrap().is_new, "{key:?}");
    }
    assert_eq!(texts(log, &family, keys.len()).await.len(), keys.len());
}

async fn reading_goes_on_after_the_cursor(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("resume");
    for text in ["a", "b", "c"] {
        give(ingress, &family, text).await;
    }
    let all = read(log, &family, 0, 3).await;
    let rest = read(log, &family, all[0].sequence, 2).await;
    assert_eq!(rest, all[1..]);
}

async fn a_reader_waits_for_the_first_message_and_then_not_for_long(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("wait");
    let mut reader = open(log, &family, end(log).await).await;
    let (records, accepted) = soon("the first message", async {
        tokio::join!(reader.next(200, LINGER), give(ingress, &family, "late"))
    })
    .await;
    assert_eq!((records.unwrap().len(), accepted.is_new), (1, true));
    assert_eq!(accepted.log_sequence, Some(end(log).await));
}

async fn a_cancelled_read_loses_nothing(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("cancel");
    let mut reader = open(log, &family, end(log).await).await;
    let mut seen = Vec::new();
    for number in 0..30 {
        give(ingress, &family, &number.to_string()).await;
        // Cut off now before, now after the message came.
        let patience = Duration::from_micros(number * 100);
        if let Ok(records) = tokio::time::timeout(patience, reader.next(200, Duration::from_millis(1))).await {
            seen.extend(records.unwrap());
        }
    }
    soon("the rest", async {
        while seen.len() < 30 {
            seen.extend(reader.next(200, LINGER).await.unwrap());
        }
    })
    .await;
    let expected: Vec<_> = (0..30).map(|number: u32| number.to_string()).collect();
    assert_eq!(texts_of(&seen), expected);
}

async fn a_batch_is_never_larger_than_asked_for(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("limit");
    let begin = end(log).await;
    for number in 0..7 {
        give(ingress, &family, &number.to_string()).await;
    }
    let mut reader = open(log, &family, begin).await;
    let mut seen = Vec::new();
    soon("seven messages", async {
        while seen.len() < 7 {
            let records = reader.next(3, Duration::from_millis(200)).await.unwrap();
            assert!((1..=3).contains(&records.len()));
            seen.extend(records);
        }
    })
    .await;
    assert_eq!(texts_of(&seen), ["0", "1", "2", "3", "4", "5", "6"]);
}

async fn the_oldest_waiting_message_is_known(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("oldest");
    let partition = partition_of(&family);
    let begin = end(log).await;
    assert_eq!(log.waiting(partition, begin).await.unwrap(), None);
    give(ingress, &family, "a").await;
    let first = log.waiting(partition, begin).await.unwrap().unwrap();
    assert!(first.sequence > begin);
    give(ingress, &family, "b").await;
    assert_eq!(log.waiting(partition, begin).await.unwrap(), Some(first));
    let second = log.waiting(partition, first.sequence).await.unwrap().unwrap();
    assert!(second.since >= first.since && second.sequence > first.sequence);
}

async fn purging_removes_what_is_indexed_and_nothing_else(ingress: &dyn Ingress, log: &dyn Log) {
    let (mine, other) = (group("purge-0"), other_partition("purge-0"));
    let begin = end(log).await;
    for text in ["a", "b", "c"] {
        give(ingress, &mine, text).await;
        give(ingress, &other, text).await;
    }
    let records = read(log, &mine, begin, 3).await;
    log.purge(partition_of(&mine), records[1].sequence).await.unwrap();
    // Also what lay before this case is indexed.
    assert_eq!(texts_of(&read(log, &mine, 0, 1).await), ["c"]);
    assert_eq!(read(log, &other, begin, 3).await.len(), 3);
    // Sequences go on, and purging nothing is fine.
    let last = log.state().await.unwrap().last_sequence;
    log.purge(partition_of(&mine), last).await.unwrap();
    log.purge(partition_of(&mine), last).await.unwrap();
    assert_eq!(log.state().await.unwrap().last_sequence, last);
    give(ingress, &mine, "d").await;
    assert_eq!(texts_of(&read(log, &mine, last, 1).await), ["d"]);
}

async fn the_log_says_who_it_is_and_how_far_it_goes(ingress: &dyn Ingress, log: &dyn Log) {
    let before = log.state().await.unwrap();
    give(ingress, &group("state"), "a").await;
    let after = log.state().await.unwrap();
    assert_eq!(after.identity, before.identity);
    assert!(!after.identity.is_empty());
    assert_eq!(after.last_sequence, before.last_sequence + 1);
}

async fn everything_of_a_message_comes_through(ingress: &dyn Ingress, log: &dyn Log) {
    let family = group("whole");
    let begin = end(log).await;
    let mut envelope = message(&family, "line\n\"quoted\" \u{0} üß🦀");
    envelope.engages = false;
    envelope.trace =
        Some(proto::trace::TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap());
    ingress.accept(envelope.clone()).await.unwrap();
    let record = read(log, &family, begin, 1).await.remove(0);
    assert_eq!(record.content, Ok(envelope));
}

pub(crate) async fn give(ingress: &dyn Ingress, group: &GroupId, text: &str) -> Accepted {
    ingress.accept(message(group, text)).await.unwrap()
}

/// Sequence of the newest message.
pub(crate) async fn end(log: &dyn Log) -> u64 {
    log.state().await.unwrap().last_sequence
}

pub(crate) async fn open(log: &dyn Log, group: &GroupId, after: u64) -> Box<dyn LogReader> {
    log.read(partition_of(group), after).await.unwrap()
}

/// The next `count` messages of a group; those of other groups in its partition are left out.
pub(crate) async fn read(log: &dyn Log, group: &GroupId, after: u64, count: usize) -> Vec<LogRecord> {
    let mut reader = open(log, group, after).await;
    let mut seen: Vec<LogRecord> = Vec::new();
    soon("the messages", async {
        let mut last = after;
        while seen.len() < count {
            for record in reader.next(200, LINGER).await.unwrap() {
                assert!(record.sequence > last, "sequences must grow");
                last = record.sequence;
                if record.content.as_ref().is_ok_and(|envelope| envelope.group == *group) {
                    seen.push(record);
                }
            }
        }
    })
    .await;
    seen
}

pub(crate) fn texts_of(records: &[LogRecord]) -> Vec<String> {
    records
        .iter()
        .map(|record| record.content.as_ref().unwrap().text.clone())
        .collect()
}

async fn texts(log: &dyn Log, group: &GroupId, count: usize) -> Vec<String> {
    texts_of(&read(log, group, 0, count).await)
}

/// A group of another partition than this one's.
fn other_partition(name: &str) -> GroupId {
    let mine = partition_of(&group(name));
    let candidates = (0..100).map(|number| group(&format!("{name}-{number}")));
    let all: BTreeSet<_> = (0..PARTITIONS).collect();
    assert!(all.contains(&mine));
    candidates
        .into_iter()
        .find(|other| partition_of(other) != mine)
        .unwrap()
}
