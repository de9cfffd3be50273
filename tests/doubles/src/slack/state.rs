//! What Slack remembers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use serde_json::Value;

use super::events::Events;
use super::ids;
use super::rate::Rate;

/// Messages kept per channel; of more the oldest are forgotten.
const MESSAGES_MAX: usize = 200_000;

/// Whether a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Good,
    Revoked,
    Inactive,
}

pub(super) struct State {
    pub(super) now_ms: u64,
    /// `host:port` under which clients reach us.
    pub(super) origin: String,
    pub(super) team: String,
    pub(super) app: String,
    /// User id of the bot.
    pub(super) bot: String,
    pub(super) token: Token,
    pub(super) users: BTreeMap<String, User>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) files: BTreeMap<String, File>,
    /// Status texts set in threads, by channel and thread.
    pub(super) statuses: Vec<(String, String, String)>,
    pub(super) rate: Rate,
    pub(super) events: Events,
    /// Errors that the next calls of a method are answered with, and whether they are executed.
    pub(super) failing: VecDeque<(String, String, bool)>,
    last_micros: u64,
    last_id: u64,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) real_name: String,
    /// The id of the bot that this user is.
    pub(super) bot_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Public,
    Private,
    /// Direct messages between the bot and somebody.
    Direct,
}

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// Of direct messages: the id of the other one.
    pub(super) name: String,
    pub(super) members: BTreeSet<String>,
    pub(super) is_archived: bool,
    /// By microseconds.
    pub(super) messages: BTreeMap<u64, Message>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) micros: u64,
    pub(super) user: String,
    pub(super) subtype: Option<&'static str>,
    pub(super) text: String,
    /// The message it answers.
    pub(super) thread: Option<u64>,
    pub(super) files: Vec<String>,
    pub(super) metadata: Option<Value>,
    pub(super) edited: Option<u64>,
    pub(super) reactions: Vec<(String, String)>,
    /// Written down in a form that clients do not expect.
    pub(super) is_garbled: bool,
}

impl Message {
    pub(super) fn ts(&self) -> String {
        ids::timestamp(self.micros)
    }
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) media_type: String,
    pub(super) user: String,
    /// Bytes announced before the upload.
    pub(super) length: usize,
    pub(super) content: Option<Bytes>,
}

impl State {
    pub(super) fn new(bot_name: &str) -> Self {
        let mut state = Self {
            now_ms: 0,
            origin: "localhost".to_owned(),
            team: ids::id('T', 1),
            app: "A0KRD7HC3".to_owned(),
            bot: String::new(),
            token: Token::Good,
            users: BTreeMap::new(),
            channels: BTreeMap::new(),
            files: BTreeMap::new(),
            statuses: Vec::new(),
            rate: Rate::default(),
            events: Events::default(),
            failing: VecDeque::new(),
            last_micros: 0,
            last_id: 10,
        };
        state.bot = state.add_user(bot_name, true);
        state
    }

    pub(super) fn next_id(&mut self, kind: char) -> String {
        self.last_id += 1;
        ids::id(kind, self.last_id)
    }

    /// The next message's time: unique and growing.
    pub(super) fn next_micros(&mut self) -> u64 {
        self.last_micros = (self.now_ms * 1_000).max(self.last_micros + 1);
        self.last_micros
    }

    pub(super) fn add_user(&mut self, name: &str, is_bot: bool) -> String {
        let id = self.next_id('U');
        let bot_id = is_bot.then(|| self.next_id('B'));
        let user = User {
            id: id.clone(),
            name: name.to_lowercase().replace(' ', "."),
            real_name: name.to_owned(),
            bot_id,
        };
        self.users.insert(id.clone(), user);
        id
    }

    pub(super) fn add_channel(&mut self, kind: Kind, name: &str, members: &[&str]) -> String {
        let id = self.next_id(if kind == Kind::Direct { 'D' } else { 'C' });
        let channel = Channel {
            id: id.clone(),
            kind,
            name: name.to_owned(),
            members: members.iter().map(|&member| member.to_owned()).collect(),
            is_archived: false,
            messages: BTreeMap::new(),
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    /// The direct messages between the bot and somebody.
    pub(super) fn direct_with(&mut self, user: &str) -> String {
        let open = self
            .channels
            .values()
            .find(|it| it.kind == Kind::Direct && it.name == user);
        match open {
            Some(channel) => channel.id.clone(),
            None => {
                let bot = self.bot.clone();
                self.add_channel(Kind::Direct, user, &[&bot, user])
            }
        }
    }

    /// Stores a message and tells the app about it, if it may read the channel. The channel must exist.
    pub(super) fn post(&mut self, channel: &str, message: Message) -> Message {
        let message = Message {
            micros: self.next_micros(),
            ..message
        };
        if let Some(kept) = self.channels.get_mut(channel) {
            kept.messages.insert(message.micros, message.clone());
            while kept.messages.len() > MESSAGES_MAX {
                kept.messages.pop_first();
            }
        }
        self.announce(channel, &message);
        message
    }

    pub(super) fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        let micros = ids::micros(ts)?;
        self.channels.get_mut(channel)?.messages.get_mut(&micros)
    }

    pub(super) fn bot_is_in(&self, channel: &str) -> bool {
        self.channels
            .get(channel)
            .is_some_and(|it| it.members.contains(&self.bot))
    }
}
