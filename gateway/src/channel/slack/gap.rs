//! What was written while nobody listened, from the histories of the channels.
//!
//! The saved position is a moment: everything before it was taken. A new connection leaves every channel behind by what was
//! written since; each is read up before the first live event of it is taken, so that order is kept, and the others one by
//! one while nothing else is to do. Until all are read, the saved position stays where the gap began: who dies while filling
//! it leaves the rest to the next one. What was taken twice is swallowed by its dedup key.
//!
//! Not found this way: changes and deletions of older messages, and answers in threads older than [`THREADS_BACK`].

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt as _;
use proto::time::{Monotonic, Timestamp};

use super::Slack;
use super::api::{CallError, Concerns, concerns};
use super::model::{Channel, Me, Message};
use super::place::{sent_at, ts};
use super::take::Way;
use crate::channel::{Feed, ReceiveError};

/// How far a connection's end may be behind the moment that is saved: events reach us within seconds, and clocks differ.
pub(super) const OVERLAP: Duration = Duration::from_secs(120);
/// How old a thread may be whose new answers are found.
const THREADS_BACK: Duration = Duration::from_secs(24 * 3_600);
/// Messages of one page, and pages read per channel: who was away for longer has no use for all of it.
const PAGE: &str = "200";
const PAGES_MAX: usize = 10;
/// Channels listed: 20 000 of them.
const CHANNEL_PAGES_MAX: usize = 100;
/// Channels noted at a time when a connection begins: no event is taken before all are, and each may wait for a name.
const NOTED_AT_A_TIME: usize = 8;
/// Wait before a channel is tried again that could not be read.
const RETRY: Duration = Duration::from_secs(5);

/// The channels that are behind.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// Up to where everything was taken.
    since: Option<Timestamp>,
    /// When each is read next.
    behind: HashMap<String, Monotonic>,
}

impl Gap {
    pub(super) fn is_open(&self) -> bool {
        !self.behind.is_empty()
    }

    pub(super) fn is_behind(&self, channel: &str) -> bool {
        self.behind.contains_key(channel)
    }

    /// A channel to read now.
    pub(super) fn due(&self, now: Monotonic) -> Option<String> {
        let due = self.behind.iter().find(|(_, at)| **at <= now);
        due.map(|(channel, _)| channel.clone())
    }
}

impl Slack {
    /// What is behind a position, in the channels that the bot is in; their names are noted on the way (SL-10).
    pub(super) async fn gap(&self, feed: &Feed, since: Option<Timestamp>) -> Result<Gap, ReceiveError> {
        let query = [
            ("types", "public_channel,private_channel,mpim,im"),
            ("exclude_archived", "true"),
            ("limit", "200"),
        ];
        let mut channels: Vec<Channel> = Vec::new();
        let listed = self
            .api
            .pages("users.conversations", &query, CHANNEL_PAGES_MAX, |page| {
                feed.alive();
                channels.extend(page.channels);
            })
            .await;
        if !listed? {
            tracing::warn!(
                channels = channels.len(),
                "the bot is in more channels than are looked through"
            );
        }
        let noting = channels.into_iter().map(|channel| async move {
            self.note_channel(Way::Feed(feed), &channel).await;
            channel.id
        });
        let mut noting = futures::stream::iter(noting).buffer_unordered(NOTED_AT_A_TIME);
        let mut gap = Gap {
            since,
            behind: HashMap::new(),
        };
        while let Some(channel) = noting.next().await {
            feed.alive();
            if since.is_some() {
                gap.behind.insert(channel, self.clock.monotonic());
            }
        }
        Ok(gap)
    }

    /// Reads one channel up. When Slack does not answer now, it is left for later.
    pub(super) async fn fill(&self, gap: &mut Gap, feed: &Feed, me: &Me, channel: &str) -> Result<(), ReceiveError> {
        let Some(since) = gap.since else { return Ok(()) };
        let later = |wait: Duration| self.clock.monotonic() + wait;
        let missed = match self.missed(channel, since).await {
            Ok(missed) => missed,
            Err(CallError::Said(word)) if concerns(&word) == Concerns::Call => {
                tracing::info!(
                    chat.channel = channel,
                    reason = word,
                    "the history of a channel cannot be read"
                );
                BTreeMap::new()
            }
            Err(error @ CallError::Said(_)) => return Err(error.into()),
            Err(CallError::Busy(wait)) => {
                gap.behind.insert(channel.to_owned(), later(wait.unwrap_or(RETRY)));
                return Ok(());
            }
            Err(CallError::NotSent(_) | CallError::Lost(_)) => {
                gap.behind.insert(channel.to_owned(), later(RETRY));
                return Ok(());
            }
        };
        for message in missed.into_values() {
            // A feed waits until an event is stored, and drops with a warning what never can be.
            let _ = self.take_message(Way::Feed(feed), me, &message).await;
        }
        gap.behind.remove(channel);
        Ok(())
    }

    /// The messages of a channel and its threads since then, by their timestamps.
    async fn missed(&self, channel: &str, since: Timestamp) -> Result<BTreeMap<String, Message>, CallError> {
        let (from, since) = (ts(since - THREADS_BACK), ts(since));
        let query = [("channel", channel), ("oldest", from.as_str()), ("limit", PAGE)];
        let mut messages: Vec<Message> = Vec::new();
        let read = self.api.pages("conversations.history", &query, PAGES_MAX, |page| {
            messages.extend(page.messages)
        });
        if !read.await? {
            tracing::warn!(chat.channel = channel, "more was written in a channel than is read up");
        }
        let is_answered = |message: &&Message| {
            message
                .latest_reply
                .as_ref()
                .is_some_and(|latest| is_after(latest, &since))
        };
        let threads: Vec<String> = messages
            .iter()
            .filter(is_answered)
            .map(|message| message.ts.clone())
            .collect();
        for thread in threads {
            let query = [
                ("channel", channel),
                ("ts", thread.as_str()),
                ("oldest", since.as_str()),
                ("limit", PAGE),
            ];
            let read = self.api.pages("conversations.replies", &query, PAGES_MAX, |page| {
                messages.extend(page.messages)
            });
            if !read.await? {
                tracing::warn!(chat.channel = channel, "more was written in a thread than is read up");
            }
        }
        let missed = messages.into_iter().filter(|message| is_after(&message.ts, &since));
        let of_channel = |message: Message| Message {
            channel: channel.to_owned(),
            ..message
        };
        Ok(missed
            .map(|message| (message.ts.clone(), of_channel(message)))
            .collect())
    }
}

/// Whether a message was sent at or after a moment, to the millisecond.
fn is_after(ts: &str, since: &str) -> bool {
    sent_at(ts) >= sent_at(since)
}
