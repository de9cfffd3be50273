//! Taking in a batch of the log: cursor and rows in one transaction, so that a batch takes effect once and in order.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::{GroupId, RunnerId};
use proto::inbound::Envelope;
use proto::ingest::{GrownGroup, IndexBatch, IndexReport, Indexed, LogRecord, Malformed};
use proto::time::Timestamp;

use super::columns::{get, parsed};
use super::failure::Result;
use super::parameter::{Statement, as_stored, statement};
use super::transaction::{Answer, Tx};
use super::{dead_letters, inbox};
use crate::indexing;

pub(super) async fn index(tx: &Tx, batch: &IndexBatch, now: Timestamp) -> Result<Indexed> {
    indexing::check(batch)?;
    let envelopes = || batch.records.iter().filter_map(|record| record.content.as_ref().ok());
    let names: BTreeSet<&str> = envelopes().map(|envelope| envelope.group.as_str()).collect();
    let chats: BTreeSet<&str> = envelopes().map(|envelope| envelope.chat.as_str()).collect();
    let keys: Vec<&str> = envelopes().map(|envelope| envelope.dedup_key.as_str()).collect();
    let [moved, inboxes, known] = tx
        .begin([
            move_cursor(batch),
            lock_inboxes(names.into_iter().collect()),
            statement!(
                "
                SELECT ARRAY(SELECT dedup_key FROM messages WHERE dedup_key = ANY($1)) AS keys,
                       ARRAY(SELECT id FROM chats WHERE id = ANY($2)) AS chats
                ",
                keys,
                chats.into_iter().collect::<Vec<_>>()
            ),
        ])
        .await?;
    if moved.row().is_none() {
        return Ok(Indexed::Overtaken);
    }
    let mut intake = Intake::new(&inboxes, &known)?;
    for record in &batch.records {
        intake.take(record);
    }
    let (report, statements) = intake.finish(now);
    tx.commit_all(statements).await?;
    Ok(Indexed::Done(report))
}

/// Compare-and-set: of two that take in the same batch, the second waits for the first and then finds the cursor moved.
fn move_cursor(batch: &IndexBatch) -> Statement<'_> {
    statement!(
        "UPDATE partitions SET cursor = $4 WHERE partition = $1 AND generation = $2 AND cursor = $3 RETURNING 1",
        batch.from.partition,
        batch.from.generation,
        batch.from.through,
        batch.through,
    )
}

/// Locks the groups by id, as everybody does who takes several. What is read after this is read as it is by then.
fn lock_inboxes(groups: Vec<&str>) -> Statement<'_> {
    statement!(
        "
        SELECT id, head_ord, owner,
            (SELECT r.id FROM runners r WHERE r.id = last_runner AND NOT r.dead) AS last_runner
        FROM groups WHERE id = ANY($1) AND NOT removed
        ORDER BY id
        FOR NO KEY UPDATE
        ",
        groups,
    )
}

/// An inbox that may grow.
struct Inbox {
    head: i64,
    grown: bool,
    engages: bool,
    owner: Option<RunnerId>,
    last_runner: Option<RunnerId>,
}

/// What becomes of the records of a batch.
struct Intake<'a> {
    inboxes: BTreeMap<GroupId, Inbox>,
    known_keys: BTreeSet<String>,
    known_chats: BTreeSet<String>,
    stored: Vec<(i64, &'a Envelope)>,
    duplicates: u64,
    given_up: Vec<GivenUp<'a>>,
}

/// What becomes a dead letter.
enum GivenUp<'a> {
    /// For a group or chat that does not exist.
    Unclaimed(&'a Envelope, String),
    /// Nobody can read it.
    Malformed(&'a Malformed),
}

impl<'a> Intake<'a> {
    fn new(inboxes: &Answer, known: &Answer) -> Result<Self> {
        let inbox = |row| {
            Ok((
                parsed(row, "id")?,
                Inbox {
                    head: get(row, "head_ord")?,
                    grown: false,
                    engages: false,
                    owner: get::<Option<String>>(row, "owner")?.map(RunnerId::new),
                    last_runner: get::<Option<String>>(row, "last_runner")?.map(RunnerId::new),
                },
            ))
        };
        let known = known.one()?;
        Ok(Self {
            inboxes: inboxes.rows.iter().map(inbox).collect::<Result<_>>()?,
            known_keys: get::<Vec<String>>(known, "keys")?.into_iter().collect(),
            known_chats: get::<Vec<String>>(known, "chats")?.into_iter().collect(),
            stored: Vec::new(),
            duplicates: 0,
            given_up: Vec::new(),
        })
    }

    /// In the order in which an append looks: known before, chat unknown, group unknown.
    fn take(&mut self, record: &'a LogRecord) {
        let envelope = match &record.content {
            Ok(envelope) => envelope,
            Err(malformed) => {
                self.given_up.push(GivenUp::Malformed(malformed));
                return;
            }
        };
        let key = as_stored(&envelope.dedup_key);
        if self.known_keys.contains(key.as_ref()) {
            self.duplicates += 1;
        } else if !self.known_chats.contains(as_stored(envelope.chat.as_str()).as_ref()) {
            self.given_up.push(GivenUp::Unclaimed(
                envelope,
                indexing::unclaimed("chat", envelope.chat.as_str()),
            ));
        } else if let Some(inbox) = self.inboxes.get_mut(&envelope.group) {
            inbox.head += 1;
            inbox.grown = true;
            inbox.engages |= envelope.engages;
            self.stored.push((inbox.head, envelope));
            self.known_keys.insert(key.into_owned());
        } else {
            self.given_up.push(GivenUp::Unclaimed(
                envelope,
                indexing::unclaimed("group", envelope.group.as_str()),
            ));
        }
    }

    fn finish(self, now: Timestamp) -> (IndexReport, Vec<Statement<'a>>) {
        let grown: Vec<_> = self.inboxes.into_iter().filter(|(_, inbox)| inbox.grown).collect();
        let (stored, rejected) = (self.stored.len() as u64, self.given_up.len() as u64);
        let mut statements = Vec::new();
        if !grown.is_empty() {
            statements.push(store(self.stored, &grown, now));
        }
        statements.extend(self.given_up.into_iter().map(|given_up| match given_up {
            GivenUp::Unclaimed(envelope, why) => dead_letters::put_unclaimed(envelope, why, now),
            GivenUp::Malformed(malformed) => dead_letters::put_malformed(malformed, now),
        }));
        let report = IndexReport {
            grown: grown
                .into_iter()
                .map(|(group, inbox)| GrownGroup {
                    group,
                    owner: inbox.owner,
                    last_runner: inbox.last_runner,
                    engages: inbox.engages,
                })
                .collect(),
            stored,
            duplicates: self.duplicates,
            rejected,
        };
        (report, statements)
    }
}

/// Stores the messages and moves the heads of their inboxes.
///
/// Without ON CONFLICT: a key that another transaction stored since it was looked for fails the whole, and the next try
/// finds it.
fn store<'a>(stored: Vec<(i64, &'a Envelope)>, grown: &[(GroupId, Inbox)], now: Timestamp) -> Statement<'a> {
    let texts =
        |of: fn(&'a Envelope) -> &'a str| -> Vec<&'a str> { stored.iter().map(|(_, envelope)| of(envelope)).collect() };
    statement!(
        "
        WITH stored AS (
            INSERT INTO messages
                (group_id, ord, dedup_key, chat_id, sender, sender_name, text, sent_at, engages, trace, details,
                 arrived_at)
            SELECT *, $12 FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ), grown AS (
            UPDATE groups g SET
                head_ord = inbox.head,
                ready_at = CASE WHEN inbox.engages THEN COALESCE(g.ready_at, $12) ELSE g.ready_at END,
                ready_kind = CASE WHEN inbox.engages THEN 'interactive' ELSE g.ready_kind END
            FROM UNNEST($13, $14, $15) AS inbox (id, head, engages)
            WHERE g.id = inbox.id
            RETURNING 1
        )
        SELECT must_touch(cardinality($13), COUNT(*)) FROM grown
        ",
        texts(|envelope| envelope.group.as_str()),
        stored.iter().map(|(ord, _)| *ord).collect::<Vec<i64>>(),
        texts(|envelope| envelope.dedup_key.as_str()),
        texts(|envelope| envelope.chat.as_str()),
        texts(|envelope| envelope.sender.as_str()),
        texts(|envelope| envelope.sender_name.as_str()),
        texts(|envelope| envelope.text.as_str()),
        stored
            .iter()
            .map(|(_, envelope)| envelope.sent_at.as_millis())
            .collect::<Vec<i64>>(),
        stored
            .iter()
            .map(|(_, envelope)| envelope.engages)
            .collect::<Vec<bool>>(),
        stored
            .iter()
            .map(|(_, envelope)| inbox::trace(envelope))
            .collect::<Vec<_>>(),
        stored
            .iter()
            .map(|(_, envelope)| envelope.details.to_json())
            .collect::<Vec<_>>(),
        now,
        grown.iter().map(|(group, _)| group.to_string()).collect::<Vec<_>>(),
        grown.iter().map(|(_, inbox)| inbox.head).collect::<Vec<i64>>(),
        grown.iter().map(|(_, inbox)| inbox.engages).collect::<Vec<bool>>(),
    )
}
