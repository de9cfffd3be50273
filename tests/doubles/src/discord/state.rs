//! What Discord knows, and how it comes to know more. Every change that clients hear of goes through here.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use serde_json::Value;

use super::gateway::{Gateway, Intents};
use super::ids::Snowflakes;
use super::json;
use super::rate::Rate;

/// How long a nonce stays unique. Discord says "a few minutes".
pub(super) const NONCE_WINDOW_MS: u64 = 5 * 60 * 1_000;
/// Nonces kept before the old ones are looked for.
const NONCES_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct State {
    pub(super) now_ms: u64,
    /// `scheme://host:port` under which clients reach us, as they say themselves.
    pub(super) origin: String,
    /// `None`: revoked.
    pub(super) token: Option<String>,
    pub(super) bot: u64,
    pub(super) application: u64,
    pub(super) users: BTreeMap<u64, User>,
    pub(super) guilds: BTreeMap<u64, Guild>,
    pub(super) channels: BTreeMap<u64, Channel>,
    pub(super) files: BTreeMap<u64, File>,
    pub(super) commands: Vec<Value>,
    pub(super) interactions: BTreeMap<u64, Interaction>,
    pub(super) gateway: Gateway,
    pub(super) rate: Rate,
    pub(super) ids: Snowflakes,
    nonces: HashMap<String, Nonce>,
    /// Channel and id of the newest message.
    pub(super) last_said: Option<(u64, u64)>,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) is_bot: bool,
    pub(super) takes_dms: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Guild {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) nicks: BTreeMap<u64, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelKind {
    Text,
    Dm { with: u64 },
    Voice,
    Thread { parent: u64 },
}

#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) id: u64,
    pub(super) kind: ChannelKind,
    pub(super) guild: Option<u64>,
    pub(super) name: String,
    pub(super) is_hidden: bool,
    pub(super) typing: u64,
    pub(super) last_message: Option<u64>,
    pub(super) messages: BTreeMap<u64, Message>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) channel: u64,
    pub(super) author: u64,
    pub(super) content: String,
    pub(super) nonce: Option<Value>,
    pub(super) reply_to: Option<u64>,
    pub(super) edited_ms: Option<u64>,
    pub(super) mentions: Vec<u64>,
    pub(super) mentions_everyone: bool,
    pub(super) files: Vec<u64>,
    pub(super) reactions: Vec<(String, u64)>,
    /// Written down in a form that clients do not expect.
    pub(super) is_garbled: bool,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: u64,
    pub(super) channel: u64,
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) content: Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct Interaction {
    pub(super) token: String,
    pub(super) made_ms: u64,
    pub(super) answer: Option<(u64, Value)>,
}

#[derive(Clone, Copy, Debug)]
struct Nonce {
    at_ms: u64,
    channel: u64,
    message: u64,
}

/// The token of a bot: its id in base64, then what nobody can guess.
pub(super) fn token_of(bot: u64) -> String {
    format!(
        "{}.stand-in.nobody-can-guess-this",
        STANDARD_NO_PAD.encode(bot.to_string())
    )
}

impl State {
    pub(super) fn new(bot_name: &str, now_ms: u64) -> Self {
        let mut state = Self {
            now_ms,
            origin: String::new(),
            token: None,
            bot: 0,
            application: 0,
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            files: BTreeMap::new(),
            commands: Vec::new(),
            interactions: BTreeMap::new(),
            gateway: Gateway::default(),
            rate: Rate::default(),
            ids: Snowflakes::default(),
            nonces: HashMap::new(),
            last_said: None,
        };
        state.bot = state.add_user(bot_name, true);
        // Applications made since 2021 share the id with their bot.
        state.application = state.bot;
        state.token = Some(token_of(state.bot));
        state
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.ids.next(self.now_ms)
    }

    pub(super) fn add_user(&mut self, name: &str, is_bot: bool) -> u64 {
        let id = self.next_id();
        let user = User {
            id,
            name: name.to_lowercase(),
            display_name: (!is_bot).then(|| name.to_owned()),
            is_bot,
            takes_dms: true,
        };
        self.users.insert(id, user);
        id
    }

    pub(super) fn add_channel(&mut self, kind: ChannelKind, guild: Option<u64>, name: &str) -> u64 {
        let id = self.next_id();
        self.put_channel(id, kind, guild, name);
        id
    }

    /// A thread that begins at a message has that message's id.
    pub(super) fn put_channel(&mut self, id: u64, kind: ChannelKind, guild: Option<u64>, name: &str) {
        let channel = Channel {
            id,
            kind,
            guild,
            name: name.to_owned(),
            is_hidden: false,
            typing: 0,
            last_message: None,
            messages: BTreeMap::new(),
        };
        self.channels.insert(id, channel);
        if guild.is_some() {
            let event = match kind {
                ChannelKind::Thread { .. } => "THREAD_CREATE",
                _ => "CHANNEL_CREATE",
            };
            let data = json::channel(&self.channels[&id]);
            self.gateway.dispatch(event, Intents::GUILDS, &data, None, self.now_ms);
        }
    }

    /// The DM between the bot and a user, opened when it is not there.
    pub(super) fn dm_with(&mut self, user: u64) -> u64 {
        let kind = ChannelKind::Dm { with: user };
        let open = self.channels.values().find(|channel| channel.kind == kind);
        match open.map(|channel| channel.id) {
            Some(id) => id,
            None => self.add_channel(kind, None, ""),
        }
    }

    /// The message that this nonce made in the last few minutes.
    pub(super) fn made_by(&self, nonce: &str) -> Option<&Message> {
        let nonce = self.nonces.get(nonce)?;
        if self.now_ms >= nonce.at_ms + NONCE_WINDOW_MS {
            return None;
        }
        self.channels.get(&nonce.channel)?.messages.get(&nonce.message)
    }

    pub(super) fn post(&mut self, mut message: Message) -> u64 {
        message.id = self.next_id();
        self.announce("MESSAGE_CREATE", &message);
        self.keep(message)
    }

    /// Keeps a message without telling anybody.
    pub(super) fn keep(&mut self, mut message: Message) -> u64 {
        let id = message.id;
        if let Some(nonce) = message.nonce.as_ref().and_then(json::nonce_text) {
            self.keep_nonce(nonce, &message);
        }
        // Discord does not keep the nonce: who reads the message later does not see it.
        message.nonce = None;
        self.last_said = Some((message.channel, id));
        if let Some(channel) = self.channels.get_mut(&message.channel) {
            channel.last_message = Some(id);
            channel.messages.insert(id, message);
        }
        id
    }

    fn keep_nonce(&mut self, nonce: String, message: &Message) {
        if self.nonces.len() >= NONCES_MAX {
            let now_ms = self.now_ms;
            self.nonces.retain(|_, kept| now_ms < kept.at_ms + NONCE_WINDOW_MS);
        }
        let kept = Nonce {
            at_ms: self.now_ms,
            channel: message.channel,
            message: message.id,
        };
        self.nonces.insert(nonce, kept);
    }

    /// Tells the sessions that may hear of it about a new or changed message.
    pub(super) fn announce(&mut self, event: &'static str, message: &Message) {
        let data = json::message_event(self, message);
        let is_dm = self.is_dm(message.channel);
        let intent = if is_dm {
            Intents::DIRECT_MESSAGES
        } else {
            Intents::GUILD_MESSAGES
        };
        // Without the intent a bot reads only what it wrote, what is written to it, and direct messages.
        let is_open = is_dm || message.author == self.bot || message.mentions.contains(&self.bot);
        let blank = (!is_open).then(|| json::without_content(&data));
        self.gateway.dispatch(event, intent, &data, blank.as_ref(), self.now_ms);
    }

    pub(super) fn is_dm(&self, channel: u64) -> bool {
        self.channels
            .get(&channel)
            .is_some_and(|channel| matches!(channel.kind, ChannelKind::Dm { .. }))
    }

    /// Users that a text mentions.
    pub(super) fn mentioned(&self, text: &str) -> Vec<u64> {
        let named = |id: &u64| text.contains(&format!("<@{id}>")) || text.contains(&format!("<@!{id}>"));
        self.users.keys().copied().filter(named).collect()
    }
}
