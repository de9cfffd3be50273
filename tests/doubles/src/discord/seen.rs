//! What the bot did, for tests to look at.

use bytes::Bytes;
use serde_json::Value;

use super::Discord;
use super::json::EPHEMERAL;
use super::state::{Message, State};

/// A message that the bot wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Its id.
    pub id: u64,
    /// Its text as it stands now.
    pub text: String,
    /// The message it replies to.
    pub reply_to: Option<u64>,
    /// Who is pinged by it.
    pub mentions: Vec<u64>,
    /// Whether everybody is.
    pub mentions_everyone: bool,
    /// Names, media types and contents of its files.
    pub files: Vec<(String, String, Bytes)>,
}

/// The answer to a slash command.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledged {
    /// What the user reads; empty when only "is thinking" is shown.
    pub text: String,
    /// Whether only the user who gave the command sees it.
    pub is_private: bool,
}

impl Discord {
    /// What the bot wrote in a channel, in order.
    #[must_use]
    pub fn messages(&self, channel: u64) -> Vec<Sent> {
        let state = self.state();
        let Some(channel) = state.channels.get(&channel) else {
            return Vec::new();
        };
        let of_bot = channel.messages.values().filter(|message| message.author == state.bot);
        of_bot.map(|message| sent(&state, message)).collect()
    }

    /// How many messages the bot wrote, over all channels.
    #[must_use]
    pub fn message_count(&self) -> usize {
        let state = self.state();
        let messages = state.channels.values().flat_map(|channel| channel.messages.values());
        messages.filter(|message| message.author == state.bot).count()
    }

    /// The bot's reactions to a message.
    #[must_use]
    pub fn reactions(&self, channel: u64, message: u64) -> Vec<String> {
        let state = self.state();
        let message = state
            .channels
            .get(&channel)
            .and_then(|channel| channel.messages.get(&message));
        let reactions = message.into_iter().flat_map(|message| &message.reactions);
        reactions
            .filter(|(_, user)| *user == state.bot)
            .map(|(emoji, _)| emoji.clone())
            .collect()
    }

    /// The bot's reactions in a channel, in the order of its messages.
    #[must_use]
    pub fn all_reactions(&self, channel: u64) -> Vec<String> {
        let state = self.state();
        let messages = state
            .channels
            .get(&channel)
            .into_iter()
            .flat_map(|channel| channel.messages.values());
        let reactions = messages.flat_map(|message| &message.reactions);
        reactions
            .filter(|(_, user)| *user == state.bot)
            .map(|(emoji, _)| emoji.clone())
            .collect()
    }

    /// How often the bot said that it is typing.
    #[must_use]
    pub fn typing_count(&self, channel: u64) -> u64 {
        self.state().channels.get(&channel).map_or(0, |channel| channel.typing)
    }

    /// The names of the slash commands registered.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        let state = self.state();
        let names = state.commands.iter().filter_map(|command| command["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// The answer to a slash command.
    #[must_use]
    pub fn acknowledged(&self, interaction: u64) -> Option<Acknowledged> {
        let state = self.state();
        let (_, data) = state.interactions.get(&interaction)?.answer.as_ref()?;
        Some(Acknowledged {
            text: data["content"].as_str().unwrap_or_default().to_owned(),
            is_private: data["flags"].as_u64().unwrap_or_default() & EPHEMERAL != 0,
        })
    }

    /// Sockets that have a session and are not frozen.
    #[must_use]
    pub fn live_sockets(&self) -> usize {
        self.state().gateway.live()
    }

    /// How many sessions were begun.
    #[must_use]
    pub fn identifies(&self) -> u64 {
        self.state().gateway.identifies
    }

    /// How many times a session was resumed.
    #[must_use]
    pub fn resumes(&self) -> u64 {
        self.state().gateway.resumes
    }

    /// The current state of a message as anybody sees it, in Discord's own words.
    #[must_use]
    pub fn message(&self, channel: u64, message: u64) -> Option<Value> {
        let state = self.state();
        let kept = state.channels.get(&channel)?.messages.get(&message)?;
        Some(super::json::message(&state, kept))
    }
}

fn sent(state: &State, message: &Message) -> Sent {
    let files = message.files.iter().filter_map(|id| state.files.get(id));
    Sent {
        id: message.id,
        text: message.content.clone(),
        reply_to: message.reply_to,
        mentions: message.mentions.clone(),
        mentions_everyone: message.mentions_everyone,
        files: files
            .map(|file| (file.name.clone(), file.media_type.clone(), file.content.clone()))
            .collect(),
    }
}
