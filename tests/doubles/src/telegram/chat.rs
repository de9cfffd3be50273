//! One chat: its kind, its topics, its messages.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::rate::Rate;

/// What kind of chat it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    /// A person and a bot.
    Private,
    /// A small group; its id changes when it becomes a supergroup.
    Group,
    /// A large group, with or without topics.
    Supergroup,
}

impl ChatKind {
    pub(super) fn is_group(self) -> bool {
        self != Self::Private
    }

    fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Group => "group",
            Self::Supergroup => "supergroup",
        }
    }
}

/// A file that a bot has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    /// `photo`, `document`, `voice`, ….
    pub kind: String,
    /// The name it was given.
    pub name: String,
    /// What it holds.
    pub content: Bytes,
}

/// A message that a bot has sent, as people see it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its id in the chat.
    pub id: i64,
    /// The username of the bot.
    pub bot: String,
    /// The topic it stands in.
    pub thread: Option<i64>,
    /// The message it answers.
    pub reply_to: Option<i64>,
    /// The text or caption without formatting.
    pub text: String,
    /// The formatting: Telegram's entities.
    pub entities: Vec<Value>,
    /// The file, when there is one.
    pub file: Option<SentFile>,
    /// How often it was edited.
    pub edits: u32,
}

/// One chat.
pub(super) struct Chat {
    pub(super) id: i64,
    pub(super) kind: ChatKind,
    /// The title of a group, the first name of a person.
    pub(super) title: String,
    pub(super) username: Option<String>,
    pub(super) topics: Option<BTreeMap<i64, String>>,
    pub(super) migrated_to: Option<i64>,
    /// Every message by id, as the API shows it to bots.
    pub(super) messages: BTreeMap<i64, Value>,
    pub(super) sent: Vec<Sent>,
    /// `(topic, action)` in order.
    pub(super) actions: Vec<(Option<i64>, String)>,
    /// `(message, emoji)` in order; no emoji: taken back.
    pub(super) reactions: Vec<(i64, Option<String>)>,
    /// Ids of bots that were blocked or removed.
    pub(super) without: BTreeSet<i64>,
    pub(super) rate: Rate,
}

impl Chat {
    pub(super) fn new(id: i64, kind: ChatKind, title: &str) -> Self {
        Self {
            id,
            kind,
            title: title.to_owned(),
            username: None,
            topics: None,
            migrated_to: None,
            messages: BTreeMap::new(),
            sent: Vec::new(),
            actions: Vec::new(),
            reactions: Vec::new(),
            without: BTreeSet::new(),
            rate: Rate::default(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut chat = json!({ "id": self.id, "type": self.kind.name() });
        let name = if self.kind == ChatKind::Private {
            "first_name"
        } else {
            "title"
        };
        chat[name] = json!(self.title);
        if let Some(username) = &self.username {
            chat["username"] = json!(username);
        }
        if self.topics.is_some() {
            chat["is_forum"] = json!(true);
        }
        chat
    }

    pub(super) fn next_message_id(&self) -> i64 {
        self.messages.last_key_value().map_or(1, |(id, _)| id + 1)
    }

    /// Keeps a message under the next id, and returns it as bots see it.
    pub(super) fn keep(&mut self, mut message: Value, from: Value, date: u64, thread: Option<i64>) -> Value {
        let id = self.next_message_id();
        message["message_id"] = json!(id);
        message["from"] = from;
        message["chat"] = self.to_json();
        message["date"] = json!(date);
        if let Some(thread) = thread {
            message["message_thread_id"] = json!(thread);
            message["is_topic_message"] = json!(true);
        }
        self.messages.insert(id, message.clone());
        message
    }
}
