//! What the bot did.

use bytes::Bytes;
use serde_json::Value;

use super::Slack;
use super::ids;

/// A message of the bot.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// Its timestamp.
    pub ts: String,
    /// Its text as Slack keeps it.
    pub text: String,
    /// The thread it is in.
    pub thread: Option<String>,
    /// What the app noted with it.
    pub metadata: Option<Value>,
    /// Names and contents of its files.
    pub files: Vec<(String, Bytes)>,
}

impl Slack {
    /// What the bot said in a channel and its threads, in order.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Sent> {
        let state = self.state();
        let Some(kept) = state.channels.get(channel) else {
            return Vec::new();
        };
        let own = kept.messages.values().filter(|message| message.user == state.bot);
        let files = |ids: &[String]| {
            let files = ids.iter().filter_map(|id| state.files.get(id));
            files
                .filter_map(|file| Some((file.name.clone(), file.content.clone()?)))
                .collect()
        };
        own.map(|message| Sent {
            ts: message.ts(),
            text: message.text.clone(),
            thread: message.thread.map(ids::timestamp),
            metadata: message.metadata.clone(),
            files: files(&message.files),
        })
        .collect()
    }

    /// The bot's reactions to a message.
    #[must_use]
    pub fn reactions(&self, channel: &str, ts: &str) -> Vec<String> {
        let mut state = self.state();
        let bot = state.bot.clone();
        let reactions = state.message_mut(channel, ts).map(|message| message.reactions.clone());
        reactions
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, by)| *by == bot)
            .map(|(name, _)| name)
            .collect()
    }

    /// Where all files lie, oldest first.
    #[must_use]
    pub fn file_urls(&self) -> Vec<String> {
        let state = self.state();
        let url = |file| {
            super::json::file(&state, file)["url_private_download"]
                .as_str()
                .map(str::to_owned)
        };
        state.files.values().filter_map(url).collect()
    }

    /// The statuses that the bot showed in a thread, oldest first; empty texts end one.
    #[must_use]
    pub fn statuses(&self, channel: &str, thread: &str) -> Vec<String> {
        let state = self.state();
        let here = state
            .statuses
            .iter()
            .filter(|(at, ts, _)| at == channel && ts == thread);
        here.map(|(_, _, status)| status.clone()).collect()
    }

    /// How many sockets are open.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.state().events.socket_count()
    }

    /// How many events the app has acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.state().events.acknowledged
    }

    /// How often an event was not acknowledged in time, or refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.state().events.refused
    }

    /// How many events are on their way, or wait for a try.
    #[must_use]
    pub fn events_open(&self) -> usize {
        self.state().events.open_count()
    }

    /// How many events Slack has given up.
    #[must_use]
    pub fn events_dropped(&self) -> u64 {
        self.state().events.dropped
    }
}
