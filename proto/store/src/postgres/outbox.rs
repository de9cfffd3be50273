//! Putting something into the outbox, at the end of its chat's queue.

use std::collections::BTreeMap;

use proto::ids::{ChatId, Epoch, GroupId, OutboxId, TurnId};
use proto::outbound::{Extra, Reply};
use proto::time::Timestamp;
use proto::turn::Recorded;

use super::chats;
use super::columns::get;
use super::failure::Result;
use super::parameter::{Statement, statement};
use super::transaction::{Answer, Tx};
use crate::Error;

/// What new rows say about themselves beside the reply.
pub(super) struct Origin<'a> {
    pub(super) group: &'a GroupId,
    /// None for a notice of the system.
    pub(super) turn: Option<TurnId>,
    /// Claim in which it was made.
    pub(super) epoch: Epoch,
    /// Sent before its turn committed.
    pub(super) early: bool,
    pub(super) now: Timestamp,
}

/// The chats of what is to be said, locked, with the last position given out in each.
///
/// Held until the commit, positions become visible in their order: a sender that saw one has seen all before it.
pub(super) struct Queues(BTreeMap<String, i64>);

/// Locks the chats of these replies, by id as everybody does: the last locks of a transaction.
pub(super) fn lock<'a>(replies: impl IntoIterator<Item = &'a Reply>) -> Statement<'a> {
    let chats: Vec<&str> = replies.into_iter().map(|reply| reply.chat.as_str()).collect();
    statement!(
        "SELECT id, outbox_seq FROM chats WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        chats,
    )
}

impl Queues {
    /// Reads what [`lock`] found.
    pub(super) fn read(answer: &Answer) -> Result<Self> {
        let queues = answer
            .rows
            .iter()
            .map(|row| Ok((get(row, "id")?, get(row, "outbox_seq")?)));
        queues.collect::<Result<_>>().map(Self)
    }

    /// Fails for the first reply to a chat that is not known.
    pub(super) fn require<'a>(&self, replies: impl IntoIterator<Item = &'a Reply>) -> Result<()> {
        match replies
            .into_iter()
            .find(|reply| !self.0.contains_key(reply.chat.as_str()))
        {
            None => Ok(()),
            Some(reply) => Err(chats::not_found(&reply.chat).into()),
        }
    }

    /// Draws the next position of a chat. Kept in the chat's row and not counted from the outbox, so that retention cannot
    /// make a position appear twice.
    fn draw(&mut self, chat: &ChatId) -> i64 {
        let seq = self.0.entry(chat.as_str().to_owned()).or_default();
        *seq += 1;
        *seq
    }
}

/// Puts replies at the ends of their chats' queues, which must be locked and known. `keys` and `ids` are theirs.
pub(super) fn push<'a>(
    mut queues: Queues,
    origin: &Origin<'a>,
    rows: impl IntoIterator<Item = (&'a str, &'a Reply, OutboxId)>,
) -> Statement<'a> {
    let (mut ids, mut chats, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut texts, mut senders, mut extras) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (key, reply, id) in rows {
        ids.push(id.0);
        chats.push(reply.chat.as_str());
        seqs.push(queues.draw(&reply.chat));
        keys.push(key);
        texts.push(reply.text.as_str());
        senders.push(reply.sender.as_deref());
        extras.push(reply.extra.as_ref().map(Extra::to_json));
    }
    statement!(
        "
        WITH said AS (
            INSERT INTO outbox
                (id, chat_id, seq, group_id, turn_id, early, key, text, sender, extra, state, said_epoch,
                 created_at)
            SELECT id, chat_id, seq, $7, $8, $9, key, text, sender, extra, 'pending', $10, $11
            FROM UNNEST($1, $2, $3, $4, $5, $6, $12) AS reply (id, chat_id, seq, key, text, sender, extra)
            RETURNING chat_id, seq
        ), drawn AS (
            UPDATE chats SET outbox_seq = last.seq
            FROM (SELECT chat_id, MAX(seq) AS seq FROM said GROUP BY chat_id) last
            WHERE chats.id = last.chat_id
            RETURNING 1
        )
        SELECT must_touch((SELECT COUNT(DISTINCT chat_id) FROM said), (SELECT COUNT(*) FROM drawn))
        ",
        ids,
        chats,
        seqs,
        keys,
        texts,
        senders,
        origin.group,
        origin.turn,
        origin.early,
        origin.epoch,
        origin.now,
        extras,
    )
}

pub(super) async fn put_notice(tx: &Tx, key: &str, reply: &Reply, fresh: OutboxId, now: Timestamp) -> Result<Recorded> {
    let group = statement!(
        "
        SELECT c.group_id, g.removed FROM chats c LEFT JOIN groups g ON g.id = c.group_id WHERE c.id = $1
        ",
        &reply.chat,
    );
    // Two that say the same notice meet at the lock of its chat; the second finds it in its next statement.
    let [queue, known, group] = tx.begin([lock([reply]), find_notice(key), group]).await?;
    if let Some(row) = known.row() {
        return Ok(Recorded::Already(OutboxId(get(row, "id")?)));
    }
    let row = group.row().ok_or_else(|| chats::not_found(&reply.chat))?;
    let Some(id) = super::columns::parsed_option::<GroupId>(row, "group_id")? else {
        return Err(Error::Conflict(format!("chat {} belongs to no group", reply.chat)).into());
    };
    if get(row, "removed")? {
        return Err(super::groups::not_found(&id).into());
    }
    let origin = Origin {
        group: &id,
        turn: None,
        epoch: Epoch::ZERO,
        early: false,
        now,
    };
    let queues = Queues::read(&queue)?;
    tx.commit([push(queues, &origin, [(key, reply, fresh)])]).await?;
    Ok(Recorded::New(fresh))
}

fn find_notice(key: &str) -> Statement<'_> {
    statement!("SELECT id FROM outbox WHERE key = $1 AND turn_id IS NULL", key)
}
