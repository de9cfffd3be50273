//! Where a message was written: which chat a channel is, what it is called, whose thread it is.

use std::sync::Arc;

use proto::group::ChatSeen;
use proto::ids::ChatId;
use proto::time::Timestamp;
use quick_cache::sync::Cache;

use super::api::{Api, CallError};
use super::model::{Channel, Guild, Snowflake};

/// Places kept, some 100 bytes each; others are asked for again.
const PLACES_MAX: usize = 20_000;
/// What chat ids of Discord begin with (CH-06).
const PREFIX: &str = "dc:";

/// A channel as a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) channel: Snowflake,
    /// None: direct messages.
    pub(super) guild: Option<Snowflake>,
    /// Of a thread: the channel it belongs to.
    pub(super) parent: Option<Snowflake>,
    /// `<guild> #<channel>` (DC-03).
    pub(super) name: Option<String>,
}

impl Place {
    pub(super) fn direct(channel: Snowflake, with: &str) -> Self {
        Self {
            channel,
            guild: None,
            parent: None,
            name: Some(with.to_owned()),
        }
    }

    pub(super) fn chat(&self) -> ChatId {
        match self.parent {
            Some(parent) => ChatId::new(format!("{PREFIX}{parent}/{}", self.channel)),
            None => ChatId::new(format!("{PREFIX}{}", self.channel)),
        }
    }

    pub(super) fn seen(&self, account: &str, seen_at: Timestamp) -> ChatSeen {
        ChatSeen {
            id: self.chat(),
            channel: super::NAME.to_owned(),
            account: account.to_owned(),
            name: self.name.clone(),
            is_group_chat: Some(self.guild.is_some()),
            parent: self.parent.map(|parent| ChatId::new(format!("{PREFIX}{parent}"))),
            seen_at,
        }
    }
}

/// The channel that a chat is.
pub(super) fn channel_of(chat: &ChatId) -> Option<Snowflake> {
    let path = chat.as_str().strip_prefix(PREFIX)?;
    path.rsplit('/').next()?.parse().ok()
}

/// The places known, and the last message we sent in each.
pub(super) struct Places {
    channels: Cache<Snowflake, Arc<Place>>,
    guilds: Cache<Snowflake, String>,
    last_sent: Cache<Snowflake, Snowflake>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            channels: Cache::new(PLACES_MAX),
            guilds: Cache::new(PLACES_MAX),
            last_sent: Cache::new(PLACES_MAX),
        }
    }

    /// Keeps what a guild tells of itself when a session begins.
    pub(super) fn learn(&self, guild: &Guild) {
        // In an outage it tells nothing but its id.
        if guild.unavailable {
            return;
        }
        self.guilds.insert(guild.id, guild.name.clone());
        for channel in guild.channels.iter().chain(&guild.threads) {
            self.channels
                .insert(channel.id, Arc::new(place(channel, Some(guild.id), &guild.name)));
        }
    }

    /// Something about this channel or guild has changed.
    pub(super) fn forget(&self, id: Snowflake) {
        self.channels.remove(&id);
        self.guilds.remove(&id);
    }

    /// A channel of a guild, asked for when it is not known. One that cannot be read any more is a chat without a name.
    pub(super) async fn of(&self, api: &Api, channel: Snowflake, guild: Snowflake) -> Result<Arc<Place>, CallError> {
        if let Some(place) = self.channels.get(&channel) {
            return Ok(place);
        }
        let asked = api.get("GET channels/:id", &format!("channels/{channel}")).await;
        let place = match asked {
            Ok(found) => place(&found, Some(guild), &self.guild_name(api, guild).await?),
            Err(CallError::NoAccess(_)) => Place {
                channel,
                guild: Some(guild),
                parent: None,
                name: None,
            },
            Err(error) => return Err(error),
        };
        let place = Arc::new(place);
        self.channels.insert(channel, Arc::clone(&place));
        Ok(place)
    }

    /// The channel that came with an interaction.
    pub(super) async fn of_given(&self, api: &Api, channel: &Channel, guild: Snowflake) -> Result<Place, CallError> {
        Ok(place(channel, Some(guild), &self.guild_name(api, guild).await?))
    }

    async fn guild_name(&self, api: &Api, guild: Snowflake) -> Result<String, CallError> {
        if let Some(name) = self.guilds.get(&guild) {
            return Ok(name);
        }
        let name = match api.get::<Guild>("GET guilds/:id", &format!("guilds/{guild}")).await {
            Ok(found) => found.name,
            Err(CallError::NoAccess(_)) => String::new(),
            Err(error) => return Err(error),
        };
        self.guilds.insert(guild, name.clone());
        Ok(name)
    }

    pub(super) fn note_sent(&self, channel: Snowflake, message: Snowflake) {
        self.last_sent.insert(channel, message);
    }

    pub(super) fn last_sent(&self, channel: Snowflake) -> Snowflake {
        self.last_sent.get(&channel).unwrap_or_default()
    }
}

fn place(channel: &Channel, guild: Option<Snowflake>, guild_name: &str) -> Place {
    let name = channel
        .name
        .as_ref()
        .map(|name| format!("{guild_name} #{name}").trim().to_owned());
    Place {
        channel: channel.id,
        guild: guild.or(channel.guild_id),
        parent: channel.parent_id.filter(|_| channel.is_thread()),
        name,
    }
}
