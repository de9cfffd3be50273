//! What was written while no session of ours existed, from the histories of the channels.
//!
//! A new session tells of each guild's channels with their last message: only those that have something newer than the
//! newest message taken are read. Until all guilds have told, the saved position stays where the gap began, so that a
//! process that dies while filling it leaves the rest to the next one.

use std::collections::HashSet;
use std::time::Duration;

use proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Discord;
use super::api::CallError;
use super::model::{Guild, Identified, Message, Snowflake};
use super::position::Position;
use super::receive::Reading;
use crate::channel::{ReceiveError, lenient};

/// Messages of one page: the most there are.
const PAGE: usize = 100;
/// Pages read per channel: who was away for longer than a thousand messages has no use for all of them.
const PAGES_MAX: usize = 10;
/// How long the position waits for guilds to tell. A guild in an outage of Discord's tells later and is filled then.
const TELL_MAX: Duration = Duration::from_secs(60);

/// A gap that is being filled.
#[derive(Debug, Default)]
pub(super) struct Gap {
    behind: Behind,
    /// The event at which it opened.
    sequence: u64,
    /// Guilds that have not told yet.
    missing: HashSet<Snowflake>,
    /// While the position waits; none: it goes on.
    until: Option<Timestamp>,
    newest: Option<Snowflake>,
}

/// What a gap lies behind, as the next process must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Behind {
    /// The newest message taken before it.
    since: Snowflake,
    guilds: Vec<Snowflake>,
}

impl Gap {
    /// The gap behind a position, in the guilds of a new session; none when nothing was ever taken.
    pub(super) fn new(
        position: &Position,
        guilds: impl Iterator<Item = Snowflake>,
        sequence: u64,
        now: Timestamp,
    ) -> Self {
        let open = |since| {
            let guilds = guilds.collect();
            Self::open(Behind { since, guilds }, sequence, now)
        };
        position.seen.map(open).unwrap_or_default()
    }

    /// The gap that an earlier process did not fill to its end. The session tells of the guilds once more.
    pub(super) fn of(position: &mut Position, now: Timestamp) -> Self {
        match (position.gap.take(), &position.session) {
            (Some(behind), Some(session)) => Self::open(behind, session.sequence, now),
            _ => Self::default(),
        }
    }

    fn open(behind: Behind, sequence: u64, now: Timestamp) -> Self {
        Self {
            missing: behind.guilds.iter().copied().collect(),
            behind,
            sequence,
            until: Some(now + TELL_MAX),
            newest: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.until.is_some()
    }

    /// What is to be stored: while the gap is open, that it is, and the event at which it opened.
    pub(super) fn stored(&self, mut position: Position) -> Position {
        if let (true, Some(session)) = (self.is_open(), &mut position.session) {
            session.sequence = self.sequence;
            position.gap = Some(self.behind.clone());
        }
        position
    }

    pub(super) fn note_seen(&mut self, message: Snowflake) {
        self.newest = self.newest.max(Some(message));
    }

    /// A guild has told; since when its messages are missing.
    fn told(&mut self, guild: Snowflake) -> Option<Snowflake> {
        self.missing.remove(&guild).then_some(self.behind.since)
    }

    /// Closes the gap when everybody has told, or did not in time.
    pub(super) fn close_late(&mut self, now: Timestamp, position: &mut Position) {
        if self.until.is_some_and(|until| self.missing.is_empty() || now >= until) {
            self.until = None;
            position.seen = position.seen.max(self.newest.take());
        }
    }
}

impl Discord {
    /// Fills the gap of a guild that tells of itself; says whether there was one.
    pub(super) async fn fill_guild(&self, guild: &Guild, reading: &mut Reading<'_>) -> Result<bool, ReceiveError> {
        if guild.unavailable {
            return Ok(false);
        }
        let Some(since) = reading.gap.told(guild.id) else {
            return Ok(false);
        };
        for channel in guild.channels.iter().chain(&guild.threads) {
            if channel.last_message_id.is_some_and(|last| last > since) {
                self.fill(channel.id, Some(guild.id), since, reading).await?;
            }
        }
        Ok(true)
    }

    /// Fills the gap of the direct messages that are remembered.
    pub(super) async fn fill_direct(&self, reading: &mut Reading<'_>) -> Result<(), ReceiveError> {
        if !reading.gap.is_open() {
            return Ok(());
        }
        let since = reading.gap.behind.since;
        for channel in reading.position.direct.clone() {
            self.fill(channel, None, since, reading).await?;
        }
        Ok(())
    }

    async fn fill(
        &self,
        channel: Snowflake,
        guild: Option<Snowflake>,
        since: Snowflake,
        reading: &mut Reading<'_>,
    ) -> Result<(), ReceiveError> {
        let mut after = since;
        for _ in 0..PAGES_MAX {
            let route = format!("GET channels/{channel}/messages");
            let path = format!("channels/{channel}/messages?after={after}&limit={PAGE}");
            let page: Vec<Value> = match self.api.get(&route, &path).await {
                Ok(page) => page,
                // Not for us, or gone: there is nothing to fill.
                Err(CallError::NoAccess(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let is_last = page.len() < PAGE;
            // Newest first; a history does not say which guild it is of.
            for object in page.iter().rev() {
                if let Ok(Identified { id }) = Identified::deserialize(object) {
                    after = after.max(id);
                }
                // One that is not understood would end the feed, here as with every later connection.
                if let Some(mut message) = lenient::one::<Message>(object) {
                    message.guild_id = guild;
                    self.take_message(&message, reading).await?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
        tracing::warn!(channel.id = %channel, "more was written while nobody listened than is fetched");
        Ok(())
    }
}
