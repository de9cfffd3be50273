//! What people do on Slack: they make channels, write, answer in threads, rewrite, take back.

use bytes::Bytes;

use super::Slack;
use super::ids;
use super::state::{File, Kind, Message, State};

/// A message as a person writes it.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Its text in Slack's own markup; `<@U…>` mentions somebody.
    pub text: String,
    /// The message whose thread it answers in.
    pub thread: Option<String>,
    /// Whether an answer is shown to the channel too.
    pub is_broadcast: bool,
    /// Names, media types and contents of its files.
    pub files: Vec<(String, String, Bytes)>,
}

impl Slack {
    /// The bot's user id.
    #[must_use]
    pub fn bot(&self) -> String {
        self.state().bot.clone()
    }

    /// A new person.
    pub fn add_user(&self, name: &str) -> String {
        self.state().add_user(name, false)
    }

    /// Somebody else's bot.
    pub fn add_bot(&self, name: &str) -> String {
        self.state().add_user(name, true)
    }

    /// A new public channel with our bot in it.
    pub fn add_channel(&self, name: &str) -> String {
        let mut state = self.state();
        let bot = state.bot.clone();
        state.add_channel(Kind::Public, name, &[&bot])
    }

    /// A new private channel with our bot in it.
    pub fn add_private_channel(&self, name: &str) -> String {
        let mut state = self.state();
        let bot = state.bot.clone();
        state.add_channel(Kind::Private, name, &[&bot])
    }

    /// A new public channel without our bot.
    pub fn add_foreign_channel(&self, name: &str) -> String {
        self.state().add_channel(Kind::Public, name, &[])
    }

    /// The direct messages between the bot and somebody.
    pub fn dm(&self, user: &str) -> String {
        self.state().direct_with(user)
    }

    /// Somebody writes; returns the message's timestamp.
    pub fn say(&self, channel: &str, user: &str, text: &str) -> String {
        let said = Said {
            text: text.to_owned(),
            ..Said::default()
        };
        self.post(channel, user, said)
    }

    /// Somebody answers in a thread; returns the message's timestamp.
    pub fn reply(&self, channel: &str, user: &str, thread: &str, text: &str) -> String {
        let said = Said {
            text: text.to_owned(),
            thread: Some(thread.to_owned()),
            ..Said::default()
        };
        self.post(channel, user, said)
    }

    /// Somebody writes two messages, and the app hears of the second one first.
    pub fn say_swapped(&self, channel: &str, user: &str, texts: [&str; 2]) {
        let mut state = self.state();
        for text in texts {
            let message = Message {
                user: user.to_owned(),
                text: text.to_owned(),
                ..Message::default()
            };
            state.post(channel, message);
        }
        state.events.swap_newest();
    }

    /// Somebody writes something with more to it; returns the message's timestamp.
    pub fn post(&self, channel: &str, user: &str, said: Said) -> String {
        let mut state = self.state();
        let files: Vec<String> = said
            .files
            .into_iter()
            .map(|file| keep(&mut state, user, file))
            .collect();
        let subtype = match (said.is_broadcast, files.is_empty()) {
            (true, _) => Some("thread_broadcast"),
            (false, false) => Some("file_share"),
            (false, true) => None,
        };
        let message = Message {
            user: user.to_owned(),
            subtype,
            text: said.text,
            thread: said.thread.as_deref().and_then(ids::micros),
            files,
            ..Message::default()
        };
        state.post(channel, message).ts()
    }

    /// Somebody joins a channel, which Slack says in the channel.
    pub fn join(&self, channel: &str, user: &str) {
        let mut state = self.state();
        if let Some(channel) = state.channels.get_mut(channel) {
            channel.members.insert(user.to_owned());
        }
        let message = Message {
            user: user.to_owned(),
            subtype: Some("channel_join"),
            text: format!("<@{user}> has joined the channel"),
            ..Message::default()
        };
        state.post(channel, message);
    }

    /// Somebody rewrites a message.
    pub fn edit(&self, channel: &str, ts: &str, text: &str) {
        self.state().change(channel, ts, text);
    }

    /// Slack itself changes a message, as it does when it has looked at a link: nobody rewrote anything.
    pub fn unfurl(&self, channel: &str, ts: &str) {
        let mut state = self.state();
        let text = state.message_mut(channel, ts).map(|message| message.text.clone());
        if let Some(text) = text {
            state.change(channel, ts, &text);
        }
    }

    /// Somebody takes a message back.
    pub fn delete(&self, channel: &str, ts: &str) {
        self.state().remove(channel, ts);
    }
}

fn keep(state: &mut State, user: &str, (name, media_type, content): (String, String, Bytes)) -> String {
    let id = state.next_id('F');
    let file = File {
        id: id.clone(),
        title: name.clone(),
        name,
        media_type,
        user: user.to_owned(),
        length: content.len(),
        content: Some(content),
    };
    state.files.insert(id.clone(), file);
    id
}
