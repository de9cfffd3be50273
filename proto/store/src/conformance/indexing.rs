//! The indexer: batches of the log become rows of inboxes, once and in order.

use std::sync::Arc;

use proto::ids::{ChatId, InboxOrd};
use proto::inbound::Envelope;
use proto::ingest::{GrownGroup, IndexBatch, IndexReport, Indexed, LogRecord, Malformed, PartitionCursor};
use proto::trace::TraceContext;
use tokio::task::JoinSet;

use super::World;
use super::world::{at, chat_of, group_id, texts};
use crate::{Appended, Error, Letter};

const PARTITIONS: u32 = 3;
const LOG: &str = "log of 1970";

impl World {
    /// The log, adopted; the cursor of its partition 1.
    async fn adopted(&self) -> PartitionCursor {
        self.store.adopt_log(LOG, PARTITIONS).await.unwrap()[1]
    }

    async fn cursors(&self) -> Vec<PartitionCursor> {
        self.store.partition_cursors().await.unwrap()
    }

    async fn index(&self, batch: &IndexBatch) -> Indexed {
        self.store.index_batch(batch, at(5)).await.unwrap()
    }

    async fn indexed(&self, batch: &IndexBatch) -> IndexReport {
        match self.index(batch).await {
            Indexed::Done(report) => report,
            Indexed::Overtaken => panic!("nobody else moved the cursor"),
        }
    }

    /// Texts in the inbox of a group, as its next turn reads them.
    async fn inbox_of(&self, group: &str) -> Vec<String> {
        let runner = self.runner(&format!("reader-of-{group}"), 5).await;
        let fence = self.claim(&runner, at(100_000)).await;
        assert_eq!(fence.group, group_id(group));
        let batch = self.begin(&fence, at(100_000)).await;
        self.store.release_group(&fence, true, at(100_000)).await.unwrap();
        texts(&batch).into_iter().map(str::to_owned).collect()
    }
}

/// The envelopes at every second sequence after `from`: the gaps are messages of other partitions.
fn batch(from: PartitionCursor, envelopes: impl IntoIterator<Item = Envelope>) -> IndexBatch {
    records(from, envelopes.into_iter().map(Ok))
}

fn records(from: PartitionCursor, contents: impl IntoIterator<Item = Result<Envelope, Malformed>>) -> IndexBatch {
    let records: Vec<_> = (from.through + 2..)
        .step_by(2)
        .zip(contents)
        .map(|(sequence, content)| LogRecord { sequence, content })
        .collect();
    IndexBatch {
        from,
        through: records.last().map_or(from.through, |record| record.sequence),
        records,
    }
}

fn at_sequence(cursor: PartitionCursor, through: u64) -> PartitionCursor {
    PartitionCursor { through, ..cursor }
}

fn malformed() -> Malformed {
    Malformed {
        subject: "clawhold.in.1.g".to_owned(),
        reason: "not JSON".to_owned(),
        excerpt: "{\"dedup".to_owned(),
    }
}

pub async fn a_log_is_adopted_once_and_keeps_its_cursors(world: World) {
    assert!(world.cursors().await.is_empty());
    let first = world.store.adopt_log(LOG, PARTITIONS).await.unwrap();
    let partitions: Vec<_> = first.iter().map(|cursor| cursor.partition).collect();
    assert_eq!(partitions, [0, 1, 2]);
    assert!(first.iter().all(|cursor| cursor.through == 0));
    assert!(first.iter().all(|cursor| cursor.generation == first[0].generation));
    world.group("g").await;
    world.indexed(&batch(first[1], [world.envelope("g", "hi", true)])).await;
    let expected = [first[0], at_sequence(first[1], 2), first[2]];
    assert_eq!(world.store.adopt_log(LOG, PARTITIONS).await.unwrap(), expected);
    assert_eq!(world.cursors().await, expected);
}

pub async fn a_new_log_starts_every_partition_again(world: World) {
    let old = world.adopted().await;
    world.group("g").await;
    world.indexed(&batch(old, [world.envelope("g", "hi", true)])).await;
    let new = world.store.adopt_log("log of 1971", PARTITIONS).await.unwrap();
    assert!(
        new.iter()
            .all(|cursor| cursor.through == 0 && cursor.generation > old.generation)
    );
    assert_eq!(world.store.adopt_log("log of 1971", PARTITIONS).await.unwrap(), new);
    // Another number of partitions is another log.
    for partitions in [5, 2] {
        let log = format!("log with {partitions} partitions");
        let next = world.store.adopt_log(&log, partitions).await.unwrap();
        assert_eq!(next.len(), partitions as usize);
        assert_eq!(world.cursors().await, next);
    }
}

pub async fn a_known_log_with_another_number_of_partitions_is_refused(world: World) {
    let cursor = world.adopted().await;
    let refused = world.store.adopt_log(LOG, PARTITIONS + 1).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(world.cursors().await[1], cursor);
}

pub async fn many_that_adopt_a_log_at_once_start_one_generation(world: World) {
    let world = Arc::new(world);
    let mut generation = None;
    for log in [LOG, "log of 1971"] {
        let mut adopting = JoinSet::new();
        for _ in 0..8 {
            let world = Arc::clone(&world);
            adopting.spawn(async move { world.store.adopt_log(log, PARTITIONS).await.unwrap() });
        }
        let cursors = world.store.adopt_log(log, PARTITIONS).await.unwrap();
        assert!(adopting.join_all().await.iter().all(|other| *other == cursors));
        assert_eq!(
            generation.is_some(),
            generation.is_some_and(|last| cursors[0].generation == last + 1)
        );
        generation = Some(cursors[0].generation);
    }
}

pub async fn a_log_that_lost_messages_starts_again_once(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    world.indexed(&batch(cursor, [world.envelope("g", "hi", true)])).await;
    let seen = world.cursors().await[1];
    let stale = world.store.restart_log(&cursor).await.unwrap();
    assert_eq!(stale[1], seen, "it moved on: nothing was lost");
    let restarted = world.store.restart_log(&seen).await.unwrap();
    assert!(
        restarted
            .iter()
            .all(|cursor| cursor.through == 0 && cursor.generation == seen.generation + 1)
    );
    assert_eq!(world.store.restart_log(&seen).await.unwrap(), restarted, "once");
    assert_eq!(world.store.adopt_log(LOG, PARTITIONS).await.unwrap(), restarted);
}

pub async fn a_batch_takes_effect_once(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    let taken = batch(cursor, ["one", "two"].map(|text| world.envelope("g", text, true)));
    let report = world.indexed(&taken).await;
    assert_eq!((report.stored, report.duplicates, report.rejected), (2, 0, 0));
    assert_eq!(world.index(&taken).await, Indexed::Overtaken);
    assert_eq!(world.cursors().await[1], at_sequence(cursor, 4));
    assert_eq!(world.inbox_of("g").await, ["one", "two"]);
}

pub async fn an_overtaken_batch_changes_nothing(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    let ahead = batch(at_sequence(cursor, 10), [world.envelope("g", "from the future", true)]);
    let elsewhere = PartitionCursor {
        partition: PARTITIONS,
        ..cursor
    };
    let elsewhere = batch(elsewhere, [world.envelope("g", "from nowhere", true)]);
    for overtaken in [ahead, elsewhere] {
        assert_eq!(world.index(&overtaken).await, Indexed::Overtaken);
    }
    let unreadable = records(at_sequence(cursor, 10), [Err(malformed())]);
    assert_eq!(world.index(&unreadable).await, Indexed::Overtaken);
    assert_eq!(world.cursors().await[1], cursor);
    assert_eq!(world.store.oldest_waiting(at(9)).await.unwrap(), None);
    assert!(world.store.dead_letters(9).await.unwrap().is_empty());
}

pub async fn two_indexers_on_one_partition_take_it_in_once_and_in_order(world: World) {
    const MESSAGES: u64 = 60;
    let cursor = world.adopted().await;
    world.group("g").await;
    world.group("h").await;
    let log: Vec<_> = (0..MESSAGES)
        .map(|n| world.envelope(if n % 3 == 0 { "h" } else { "g" }, &n.to_string(), true))
        .collect();
    let (world, log) = (Arc::new(world), Arc::new(log));
    let mut indexers = JoinSet::new();
    for size in [3, 4, 7] {
        let (world, log) = (Arc::clone(&world), Arc::clone(&log));
        indexers.spawn(async move {
            let mut stored = 0;
            loop {
                let from = world.cursors().await[1];
                let behind = usize::try_from(from.through / 2).unwrap();
                let next: Vec<_> = log.iter().skip(behind).take(size).cloned().collect();
                if next.is_empty() {
                    return stored;
                }
                if let Indexed::Done(report) = world.index(&batch(from, next)).await {
                    stored += report.stored;
                }
            }
        });
    }
    assert_eq!(indexers.join_all().await.into_iter().sum::<u64>(), MESSAGES);
    assert_eq!(world.cursors().await[1], at_sequence(cursor, MESSAGES * 2));
    let runner = world.runner("r", 5).await;
    for claimed in world.try_claim(&runner, 5, at(10)).await.unwrap() {
        let mut read = Vec::new();
        while let crate::Begun::Turn(batch) = world
            .store
            .begin_turn(&claimed.fence, world.turn_id(), at(10))
            .await
            .unwrap()
        {
            read.extend(texts(&batch).into_iter().map(|text| text.parse::<u64>().unwrap()));
            world.commit(&claimed.fence, &batch, vec![], at(11)).await;
        }
        let of_h = claimed.fence.group == group_id("h");
        let expected: Vec<_> = (0..MESSAGES).filter(|n| (n % 3 == 0) == of_h).collect();
        assert_eq!(read, expected);
    }
}

pub async fn a_batch_of_an_old_generation_is_overtaken(world: World) {
    let old = world.adopted().await;
    world.group("g").await;
    let late = batch(old, [world.envelope("g", "late", true)]);
    let new = world.store.restart_log(&old).await.unwrap()[1];
    assert_eq!(world.index(&late).await, Indexed::Overtaken);
    assert_eq!(world.cursors().await[1], new);
}

pub async fn what_was_taken_in_before_a_new_generation_is_swallowed(world: World) {
    let old = world.adopted().await;
    world.group("g").await;
    let known = world.envelope("g", "known", true);
    world.indexed(&batch(old, [known.clone()])).await;
    let new = world.store.adopt_log("log of 1971", PARTITIONS).await.unwrap()[1];
    let report = world
        .indexed(&batch(new, [known.clone(), world.envelope("g", "new", true)]))
        .await;
    assert_eq!((report.stored, report.duplicates), (1, 1));
    assert_eq!(
        world.store.append_inbox(&known, at(6)).await.unwrap(),
        Appended::Duplicate
    );
    assert_eq!(world.inbox_of("g").await, ["known", "new"]);
}

pub async fn a_key_twice_in_one_batch_is_taken_in_once(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    let twice = world.envelope("g", "once", true);
    let report = world.indexed(&batch(cursor, [twice.clone(), twice])).await;
    assert_eq!((report.stored, report.duplicates), (1, 1));
    assert_eq!(world.inbox_of("g").await, ["once"]);
}

pub async fn a_malformed_message_becomes_a_dead_letter_and_the_cursor_passes(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    let contents = [
        Ok(world.envelope("g", "before", true)),
        Err(malformed()),
        Ok(world.envelope("g", "after", true)),
    ];
    let report = world.indexed(&records(cursor, contents)).await;
    assert_eq!((report.stored, report.rejected), (2, 1));
    assert_eq!(world.cursors().await[1].through, 6);
    assert_eq!(world.inbox_of("g").await, ["before", "after"]);
    let letters = world.store.dead_letters(9).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].letter, Letter::Malformed(malformed()));
    assert_eq!((letters[0].reason.as_str(), letters[0].at), ("not JSON", at(5)));
    assert_eq!(world.store.counts(at(6)).await.unwrap().dead_letters, 1);
}

pub async fn a_message_for_a_removed_group_becomes_a_dead_letter(world: World) {
    let cursor = world.adopted().await;
    let removed = world.group("removed").await;
    world.group("g").await;
    world.store.remove_group(&removed).await.unwrap();
    let unclaimed = Envelope {
        trace: Some(TraceContext::start(world.turn_id().0)),
        ..world.envelope("removed", "hello?", false)
    };
    let unseen = Envelope {
        chat: ChatId::new("test:unseen"),
        ..world.envelope("g", "hello?", true)
    };
    let never = Envelope {
        chat: chat_of("g"),
        ..world.envelope("never", "hello?", true)
    };
    let strangers = [unclaimed, unseen, never];
    let report = world.indexed(&batch(cursor, strangers.clone())).await;
    assert_eq!(
        report,
        IndexReport {
            rejected: 3,
            ..IndexReport::default()
        }
    );
    assert_eq!(world.cursors().await[1].through, 6);
    let letters = world.store.dead_letters(9).await.unwrap();
    let kept: Vec<_> = letters.iter().map(|letter| letter.letter.clone()).collect();
    assert_eq!(
        kept,
        strangers.map(Letter::Unclaimed).into_iter().rev().collect::<Vec<_>>(),
        "newest first"
    );
    for (letter, named) in letters.iter().zip(["group never", "chat test:unseen", "group removed"]) {
        assert!(letter.reason.contains(named), "{}", letter.reason);
    }
    assert_eq!(
        world.store.oldest_waiting(at(9)).await.unwrap(),
        None,
        "it wakes nobody"
    );
    world.group("removed").await;
    world.store.remove_group(&removed).await.unwrap();
    let left = world.store.dead_letters(9).await.unwrap();
    assert_eq!(left.len(), 2, "those of a group go with it");
}

pub async fn a_batch_says_whose_inbox_grew_and_who_serves_it(world: World) {
    let cursor = world.adopted().await;
    let (one, two) = (world.runner("one", 5).await, world.runner("two", 5).await);
    world.begun("served", &one).await;
    let (fence, first) = world.begun("resting", &two).await;
    world.commit(&fence, &first, vec![], at(1)).await;
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    let gone = world.runner("gone", 5).await;
    let (fence, first) = world.begun("left", &gone).await;
    world.commit(&fence, &first, vec![], at(1)).await;
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    world.store.retire_runner(&gone.id, gone.incarnation).await.unwrap();
    for name in ["new", "idle"] {
        world.group(name).await;
    }
    let known = world.envelope("idle", "known", true);
    world.append(&known, at(3)).await;
    let taken = [
        world.envelope("served", "chatter", false),
        world.envelope("left", "call", true),
        world.envelope("resting", "chatter", false),
        world.envelope("new", "chatter", false),
        world.envelope("resting", "call", true),
        known,
        world.envelope("served", "chatter", false),
    ];
    let report = world.indexed(&batch(cursor, taken)).await;
    let grown = |name, owner: Option<&str>, last: Option<&str>, engages| GrownGroup {
        group: group_id(name),
        owner: owner.map(proto::ids::RunnerId::new),
        last_runner: last.map(proto::ids::RunnerId::new),
        engages,
    };
    let expected = [
        // Nobody there would hear that it is called.
        grown("left", None, None, true),
        grown("new", None, None, false),
        grown("resting", None, Some("two"), true),
        grown("served", Some("one"), Some("one"), false),
    ];
    assert_eq!(report.grown, expected, "each once, by name");
    assert_eq!((report.stored, report.duplicates), (6, 1));
}

pub async fn an_indexed_message_is_like_an_appended_one(world: World) {
    let cursor = world.adopted().await;
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    let first = world.chatter("g", "appended", at(0)).await;
    let called = Envelope {
        trace: Some(TraceContext::start(world.turn_id().0)),
        ..world.envelope("g", "indexed", true)
    };
    world
        .indexed(&batch(cursor, [world.envelope("g", "chatter", false), called.clone()]))
        .await;
    let last = world.call("g", "appended", at(6)).await;
    assert_eq!(last.0, first.0 + 3, "one order for both ways in");
    let waiting = world.store.oldest_waiting(at(9)).await.unwrap().unwrap();
    assert_eq!((waiting.group, waiting.ready_at), (group_id("g"), at(5)));
    let fence = world.claim(&runner, at(9)).await;
    let read = world.begin(&fence, at(9)).await;
    assert_eq!(texts(&read), ["appended", "chatter", "indexed", "appended"]);
    assert_eq!(read.messages[2].envelope, called);
    assert_eq!(read.messages[2].ord, InboxOrd(first.0 + 2));
}

pub async fn chatter_of_a_batch_makes_nothing_ready(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    world
        .indexed(&batch(cursor, [world.envelope("g", "chatter", false)]))
        .await;
    assert_eq!(world.store.oldest_waiting(at(9)).await.unwrap(), None);
}

pub async fn an_empty_batch_moves_the_cursor(world: World) {
    let cursor = world.adopted().await;
    let passed = IndexBatch {
        from: cursor,
        through: 40,
        records: vec![],
    };
    assert_eq!(world.indexed(&passed).await, IndexReport::default());
    assert_eq!(world.cursors().await[1], at_sequence(cursor, 40));
}

pub async fn a_batch_out_of_order_is_refused(world: World) {
    let cursor = world.adopted().await;
    world.group("g").await;
    let sound = batch(cursor, ["one", "two"].map(|text| world.envelope("g", text, true)));
    let with = |sequences: [u64; 2], through: u64| {
        let records = sequences.into_iter().zip(sound.records.clone());
        IndexBatch {
            records: records
                .map(|(sequence, record)| LogRecord { sequence, ..record })
                .collect(),
            through,
            ..sound.clone()
        }
    };
    for refused in [
        with([4, 2], 4),
        with([2, 2], 4),
        with([0, 2], 4),
        with([2, 4], 3),
        with([2, 4], u64::MAX),
    ] {
        let result = world.store.index_batch(&refused, at(5)).await;
        assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
    }
    assert_eq!(world.cursors().await[1], cursor);
    world.indexed(&sound).await;
}
