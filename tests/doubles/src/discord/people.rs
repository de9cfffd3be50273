//! What people do on Discord: they make guilds and threads, write, rewrite, take back, react, use commands.

use bytes::Bytes;
use serde_json::json;

use super::Discord;
use super::gateway::Intents;
use super::json;
use super::rest::{react, remove};
use super::state::{ChannelKind, File, Guild, Interaction, Message, State};

/// A message as a person writes it.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Its text; `<@id>` mentions somebody.
    pub text: String,
    /// The message it replies to; who wrote that one is mentioned.
    pub reply_to: Option<u64>,
    /// Whether a reply mentions whom it replies to. The switch in the client is on by default.
    pub reply_is_silent: bool,
    /// Names, media types and contents of its files.
    pub files: Vec<(String, String, Bytes)>,
}

impl Discord {
    /// The bot's user id.
    #[must_use]
    pub fn bot(&self) -> u64 {
        self.state().bot
    }

    /// A new person.
    pub fn add_user(&self, name: &str) -> u64 {
        self.state().add_user(name, false)
    }

    /// Somebody else's bot.
    pub fn add_bot(&self, name: &str) -> u64 {
        self.state().add_user(name, true)
    }

    /// A new guild, with our bot in it.
    pub fn add_guild(&self, name: &str) -> u64 {
        let mut state = self.state();
        let id = state.next_id();
        let guild = Guild {
            id,
            name: name.to_owned(),
            ..Guild::default()
        };
        state.guilds.insert(id, guild);
        let data = json::whole_guild(&state, id);
        let now_ms = state.now_ms;
        state
            .gateway
            .dispatch("GUILD_CREATE", Intents::GUILDS, &data, None, now_ms);
        id
    }

    /// A new text channel.
    pub fn add_channel(&self, guild: u64, name: &str) -> u64 {
        self.state().add_channel(ChannelKind::Text, Some(guild), name)
    }

    /// A new voice channel.
    pub fn add_voice_channel(&self, guild: u64, name: &str) -> u64 {
        self.state().add_channel(ChannelKind::Voice, Some(guild), name)
    }

    /// A new thread of a channel.
    pub fn add_thread(&self, channel: u64, name: &str) -> u64 {
        let mut state = self.state();
        let guild = state.channels.get(&channel).and_then(|channel| channel.guild);
        state.add_channel(ChannelKind::Thread { parent: channel }, guild, name)
    }

    /// The direct messages between the bot and somebody.
    pub fn dm(&self, user: u64) -> u64 {
        self.state().dm_with(user)
    }

    /// Gives somebody a nickname in a guild.
    pub fn nick(&self, guild: u64, user: u64, nick: &str) {
        if let Some(guild) = self.state().guilds.get_mut(&guild) {
            guild.nicks.insert(user, nick.to_owned());
        }
    }

    /// Somebody writes; returns the message's id.
    pub fn say(&self, channel: u64, user: u64, text: &str) -> u64 {
        self.post(
            channel,
            user,
            Said {
                text: text.to_owned(),
                ..Said::default()
            },
        )
    }

    /// Somebody writes something with more to it; returns the message's id.
    pub fn post(&self, channel: u64, user: u64, said: Said) -> u64 {
        let mut state = self.state();
        let files = said
            .files
            .into_iter()
            .map(|file| keep(&mut state, channel, file))
            .collect();
        let mut mentions = state.mentioned(&said.text);
        let replied = said.reply_to.and_then(|id| state.channels[&channel].messages.get(&id));
        if let Some(author) = replied.map(|message| message.author)
            && !said.reply_is_silent
            && !mentions.contains(&author)
        {
            mentions.push(author);
        }
        state.post(Message {
            channel,
            author: user,
            mentions_everyone: said.text.contains("@everyone"),
            content: said.text,
            reply_to: said.reply_to,
            mentions,
            files,
            ..Message::default()
        })
    }

    /// Somebody writes two messages, and the gateway tells of the second one first.
    pub fn say_swapped(&self, channel: u64, user: u64, first: &str, second: &str) {
        let mut state = self.state();
        let written = [first, second].map(|text| {
            let message = Message {
                id: state.next_id(),
                channel,
                author: user,
                mentions: state.mentioned(text),
                content: text.to_owned(),
                ..Message::default()
            };
            state.keep(message.clone());
            message
        });
        for message in written.iter().rev() {
            state.announce("MESSAGE_CREATE", message);
        }
    }

    /// Somebody rewrites a message.
    pub fn edit(&self, channel: u64, message: u64, text: &str) {
        self.change(channel, message, |message, now_ms| {
            message.content = text.to_owned();
            message.edited_ms = Some(now_ms);
        });
    }

    /// Discord itself changes a message, as it does when it has looked at a link: nobody rewrote anything.
    pub fn unfurl(&self, channel: u64, message: u64) {
        self.change(channel, message, |_, _| {});
    }

    /// Somebody takes a message back.
    pub fn delete(&self, channel: u64, message: u64) {
        // A message that is gone already cannot be taken back again.
        let _ = remove(&mut self.state(), channel, message);
    }

    /// Somebody reacts to a message.
    pub fn react(&self, channel: u64, message: u64, user: u64, emoji: &str) {
        let _ = react(&mut self.state(), channel, message, user, emoji);
    }

    /// Somebody uses a slash command, with the text of its only option if it has one; returns the interaction's id.
    pub fn command(&self, channel: u64, user: u64, name: &str, option: Option<&str>) -> u64 {
        let mut state = self.state();
        let id = state.next_id();
        let token = format!("interaction-token-{id}");
        let options: Vec<_> = option
            .iter()
            .map(|text| json!({ "name": "text", "type": 3, "value": text }))
            .collect();
        let mut data = json!({
            "id": id.to_string(),
            "application_id": state.application.to_string(),
            "type": 2,
            "token": token,
            "version": 1,
            "channel_id": channel.to_string(),
            "channel": json::channel(&state.channels[&channel]),
            "data": { "id": "1", "name": name, "type": 1, "options": options },
            "entitlements": [],
            "authorizing_integration_owners": {},
            "attachment_size_limit": 10_485_760,
            "locale": "en-US",
        });
        match state.channels[&channel].guild {
            Some(guild) => {
                data["guild_id"] = guild.to_string().into();
                data["member"] = json::member(&state, guild, user, true);
                data["member"]["permissions"] = "0".into();
            }
            None => data["user"] = json::user(&state.users[&user]),
        }
        let made = Interaction {
            token,
            made_ms: state.now_ms,
            answer: None,
        };
        state.interactions.insert(id, made);
        let now_ms = state.now_ms;
        state
            .gateway
            .dispatch("INTERACTION_CREATE", Intents::NONE, &data, None, now_ms);
        id
    }

    fn change(&self, channel: u64, message: u64, change: impl FnOnce(&mut Message, u64)) {
        let mut state = self.state();
        let now_ms = state.now_ms;
        let kept = state
            .channels
            .get_mut(&channel)
            .and_then(|channel| channel.messages.get_mut(&message));
        let Some(kept) = kept else { return };
        change(kept, now_ms);
        let mut changed = kept.clone();
        changed.mentions = state.mentioned(&changed.content);
        state.announce("MESSAGE_UPDATE", &changed);
    }
}

fn keep(state: &mut State, channel: u64, (name, media_type, content): (String, String, Bytes)) -> u64 {
    let id = state.next_id();
    let file = File {
        id,
        channel,
        name,
        media_type,
        content,
    };
    state.files.insert(id, file);
    id
}
