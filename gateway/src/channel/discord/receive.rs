//! The feed: events in order, each taken before it counts as read.
//!
//! Two futures side by side: one reads the connection and keeps it alive, one takes the events. The position names only
//! what was taken, so whatever else is lost with a connection, a lease or a process is replayed to the next one, and
//! swallowed where it was taken already.

use std::time::Duration;

use proto::group::ChatSeen;
use proto::inbound::InboundEvent;
use proto::time::Timestamp;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::Discord;
use super::connection::{self, Dispatch, Told, WAITING_MAX};
use super::events::{Reader, display_name};
use super::gap::Gap;
use super::model::{Channel, Deleted, GatewayBot, Guild, Identified, Interaction, Message, Ready, Snowflake};
use super::places::Place;
use super::position::{Position, Session};
use crate::channel::{Feed, ReceiveError};

/// A slash command is acknowledged after this time even if it is not stored yet: Discord gives up after three seconds.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(1_500);

/// What the taking of events keeps in mind.
pub(super) struct Reading<'a> {
    pub(super) feed: &'a Feed,
    pub(super) position: Position,
    pub(super) gap: Gap,
}

impl Discord {
    pub(super) async fn read_feed(&self, feed: &Feed) -> Result<(), ReceiveError> {
        let mut position = Position::parse(feed.position().await?.as_deref());
        let gateway: GatewayBot = self.api.get("GET gateway/bot", "gateway/bot").await?;
        let starts = gateway.session_start_limit;
        if position.session.is_none() && starts.remaining == 0 {
            let hours = starts.reset_after / 3_600_000 + 1;
            return Err(ReceiveError::Failed(format!(
                "the bot has connected too often today: Discord lets it in again within {hours} h"
            )));
        }
        self.register_commands().await;
        let mut shard = connection::open(&self.api, gateway.url, &position)?;
        let (told, waiting) = mpsc::channel(WAITING_MAX);
        let gap = Gap::of(&mut position, self.clock.now());
        let reading = Reading { feed, position, gap };
        tokio::select! {
            ended = connection::read(&mut shard, told, feed) => ended,
            ended = self.take_all(waiting, reading) => ended,
        }
    }

    async fn take_all(&self, mut waiting: mpsc::Receiver<Told>, mut reading: Reading<'_>) -> Result<(), ReceiveError> {
        while let Some(told) = waiting.recv().await {
            match told {
                Told::Event(event) => {
                    let sequence = event.sequence;
                    let is_worth_saving = self.take_event(event, &mut reading).await?;
                    reading.note_sequence(sequence);
                    if is_worth_saving {
                        reading.save(self.clock.now()).await?;
                    }
                }
                Told::SessionOver => {
                    reading.position.session = None;
                    reading.feed.save_position(&reading.position.to_text()).await?;
                    return Ok(());
                }
            }
        }
        // The connection has ended and says why.
        std::future::pending().await
    }

    /// Takes one event; says whether the position should be saved after it.
    async fn take_event(&self, event: Dispatch, reading: &mut Reading<'_>) -> Result<bool, ReceiveError> {
        match event.name.as_str() {
            "READY" => self.begin(parse(&event)?, event.sequence, reading).await?,
            "RESUMED" => {
                reading.feed.live();
                return Ok(false);
            }
            "GUILD_CREATE" => {
                // A guild that is not understood is waited for no longer than one that does not tell.
                let Some(guild) = read::<Guild>(&event) else {
                    return Ok(false);
                };
                self.places.learn(&guild);
                return self.fill_guild(&guild, reading).await;
            }
            "CHANNEL_UPDATE" | "CHANNEL_DELETE" | "THREAD_UPDATE" | "THREAD_DELETE" | "GUILD_UPDATE" => {
                if let Some(changed) = read::<Identified>(&event) {
                    self.places.forget(changed.id);
                }
                return Ok(false);
            }
            "MESSAGE_CREATE" => match read::<Message>(&event) {
                Some(message) => self.take_message(&message, reading).await?,
                None => return Ok(false),
            },
            "MESSAGE_UPDATE" => match read::<Message>(&event) {
                Some(message) => self.take_edit(&message, reading).await?,
                None => return Ok(false),
            },
            "MESSAGE_DELETE" => match read::<Deleted>(&event) {
                Some(deleted) => self.take_deletion(&deleted, reading).await?,
                None => return Ok(false),
            },
            "INTERACTION_CREATE" => match read::<Interaction>(&event) {
                Some(interaction) => self.take_interaction(&interaction, reading).await?,
                None => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn begin(&self, ready: Ready, sequence: u64, reading: &mut Reading<'_>) -> Result<(), ReceiveError> {
        reading.feed.live();
        let guilds = ready.guilds.iter().map(|guild| guild.id);
        reading.gap = Gap::new(&reading.position, guilds, sequence, self.clock.now());
        self.fill_direct(reading).await?;
        reading.position.session = Some(Session {
            id: ready.session_id,
            url: ready.resume_gateway_url,
            sequence,
        });
        Ok(())
    }

    pub(super) async fn take_message(&self, message: &Message, reading: &mut Reading<'_>) -> Result<(), ReceiveError> {
        let place = self.place(message, reading).await?;
        reading.take(self.reader().message(message, &place)).await;
        reading.note_seen(message.id);
        Ok(())
    }

    async fn take_edit(&self, message: &Message, reading: &mut Reading<'_>) -> Result<(), ReceiveError> {
        let place = self.place(message, reading).await?;
        reading.take(self.reader().edit(message, &place)).await;
        Ok(())
    }

    async fn take_deletion(&self, deleted: &Deleted, reading: &mut Reading<'_>) -> Result<(), ReceiveError> {
        let place = match deleted.guild_id {
            Some(guild) => (*self.places.of(&self.api, deleted.channel_id, guild).await?).clone(),
            None => Place {
                name: None,
                ..Place::direct(deleted.channel_id, "")
            },
        };
        let event = self.reader().deletion(deleted, &place, self.clock.now());
        reading.take(Some(event)).await;
        Ok(())
    }

    /// Takes a slash command and tells Discord in time, whichever comes first. Told before it is stored it is not lost with
    /// us: the session's position is still before it.
    async fn take_interaction(&self, interaction: &Interaction, reading: &mut Reading<'_>) -> Result<(), ReceiveError> {
        let Some(channel) = &interaction.channel else {
            return Ok(());
        };
        let place = self.place_of_command(interaction, channel).await?;
        let Some(event) = self.reader().command(interaction, &place) else {
            return Ok(());
        };
        if place.guild.is_none() {
            reading.position.note_direct(place.channel);
        }
        let mut taking = Box::pin(reading.take(Some(event)));
        let in_time = tokio::time::timeout(ACKNOWLEDGE_AFTER, &mut taking).await;
        self.acknowledge(interaction).await;
        if in_time.is_err() {
            taking.await;
        }
        Ok(())
    }

    async fn place(&self, message: &Message, reading: &mut Reading<'_>) -> Result<Place, ReceiveError> {
        match message.guild_id {
            Some(guild) => Ok((*self.places.of(&self.api, message.channel_id, guild).await?).clone()),
            None => {
                reading.position.note_direct(message.channel_id);
                // Our own message must not name the chat after us.
                let mut place = Place::direct(message.channel_id, &display_name(&message.author, None));
                place.name = place.name.filter(|_| message.author.id != self.bot);
                Ok(place)
            }
        }
    }

    async fn place_of_command(&self, interaction: &Interaction, channel: &Channel) -> Result<Place, ReceiveError> {
        match (interaction.guild_id, &interaction.user) {
            (Some(guild), _) => Ok(self.places.of_given(&self.api, channel, guild).await?),
            (None, Some(user)) => Ok(Place::direct(channel.id, &display_name(user, None))),
            (None, None) => Ok(Place::direct(channel.id, "Discord")),
        }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            account: &self.account,
            bot: self.bot,
        }
    }
}

impl Reading<'_> {
    pub(super) async fn take(&self, event: Option<(ChatSeen, InboundEvent)>) {
        if let Some((seen, event)) = event {
            self.feed.take(&seen, event).await;
        }
    }

    /// While a gap is being filled, what is newer than it must not hide it.
    pub(super) fn note_seen(&mut self, message: Snowflake) {
        match self.gap.is_open() {
            true => self.gap.note_seen(message),
            false => self.position.note_seen(message),
        }
    }

    fn note_sequence(&mut self, sequence: u64) {
        if let Some(session) = &mut self.position.session {
            session.sequence = sequence;
        }
    }

    /// Saves how far the feed was read: while a gap is open, no further than to where it opened.
    async fn save(&mut self, now: Timestamp) -> Result<(), ReceiveError> {
        self.gap.close_late(now, &mut self.position);
        let stored = self.gap.stored(self.position.clone());
        self.feed.save_position(&stored.to_text()).await
    }
}

/// An event without which the feed cannot go on.
fn parse<T: DeserializeOwned>(event: &Dispatch) -> Result<T, ReceiveError> {
    T::deserialize(&event.data)
        .map_err(|error| ReceiveError::Failed(format!("{} is not understood: {error}", event.name)))
}

/// An event that is passed over when it is not understood: one that cannot be read would otherwise be replayed for ever.
fn read<T: DeserializeOwned>(event: &Dispatch) -> Option<T> {
    let read = T::deserialize(&event.data);
    if let Err(error) = &read {
        tracing::warn!(%error, event.name = event.name, "an event of Discord's is not understood");
    }
    read.ok()
}
