//! The side of tests: bots are made, people write, chats change, and what bots sent is looked at.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::TelegramDouble;
use super::chat::{Chat, ChatKind, Sent};
use super::post::Post;
use super::state::{Bot, State};

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// Their id, which is also the id of their private chat.
    pub id: i64,
    /// Their first name.
    pub first_name: String,
    /// Their username, when they have one.
    pub username: Option<String>,
}

impl User {
    /// A person with an id and a first name.
    #[must_use]
    pub fn new(id: i64, first_name: &str) -> Self {
        Self {
            id,
            first_name: first_name.to_owned(),
            username: None,
        }
    }

    fn to_json(&self) -> Value {
        let mut user = json!({ "id": self.id, "is_bot": false, "first_name": self.first_name });
        if let Some(username) = &self.username {
            user["username"] = json!(username);
        }
        user
    }
}

impl TelegramDouble {
    /// Makes a bot; its id is the number before the token's colon. It is a member of every chat.
    pub fn add_bot(&self, token: &str, username: &str) {
        let id = token.split(':').next().and_then(|id| id.parse().ok());
        let bot = Bot {
            id: id.unwrap_or(1),
            username: username.to_owned(),
            name: username.to_owned(),
            revoked: false,
            updates: VecDeque::new(),
            newest: None,
            next_update: 879_000_001,
            allowed: None,
            webhook: None,
            poll: 0,
            poll_ended_by: super::polling::OTHER_POLLER,
            commands: json!([]),
        };
        self.state().bots.insert(token.to_owned(), bot);
    }

    /// Revokes a token, as BotFather does; `false` gives it back.
    pub fn revoke(&self, token: &str, revoked: bool) {
        if let Some(bot) = self.state().bots.get_mut(token) {
            bot.revoked = revoked;
        }
        self.wake();
    }

    /// The next call of a method is refused in these words, without being executed.
    pub fn refuse_next(&self, method: &str, why: &str) {
        let refusal = (method.to_ascii_lowercase(), why.to_owned());
        self.state().refusals.push_back(refusal);
    }

    /// Switches the limits of rate on or off.
    pub fn limit_rate(&self, on: bool) {
        self.state().limits_rate = on;
    }

    /// The private chat of a person; its id.
    pub fn private(&self, user: &User) -> i64 {
        let mut chat = Chat::new(user.id, ChatKind::Private, &user.first_name);
        chat.username.clone_from(&user.username);
        self.add(chat)
    }

    /// Makes a group; its id.
    pub fn group(&self, title: &str) -> i64 {
        let id = -(4_000 + self.state().count());
        self.add(Chat::new(id, ChatKind::Group, title))
    }

    /// Makes a supergroup; its id.
    pub fn supergroup(&self, title: &str) -> i64 {
        let id = -(1_002_000_000_000 + self.state().count());
        self.add(Chat::new(id, ChatKind::Supergroup, title))
    }

    /// Makes a supergroup with topics; its id.
    pub fn forum(&self, title: &str) -> i64 {
        let id = self.supergroup(title);
        self.edit_chat(id, |chat| chat.topics = Some(BTreeMap::new()));
        id
    }

    /// Opens a topic; its id, which is the id of its first message.
    pub fn topic(&self, chat: i64, name: &str, by: &User) -> i64 {
        let created = json!({ "forum_topic_created": { "name": name, "icon_color": 7_322_096 } });
        let id = self.edit_chat(chat, |chat| chat.next_message_id()).unwrap_or_default();
        self.edit_chat(chat, |chat| {
            chat.topics.get_or_insert_default().insert(id, name.to_owned());
        });
        self.post_as(chat, by, &Post::fields(created).topic(id))
    }

    /// A person writes a text; the id of the message.
    pub fn say(&self, chat: i64, by: &User, text: &str) -> i64 {
        self.post_as(chat, by, &Post::text(text))
    }

    /// A person posts something; the id of the message.
    pub fn post_as(&self, chat: i64, by: &User, post: &Post) -> i64 {
        let mut state = self.state();
        let Some(shown) = self.keep(&mut state, chat, by, post) else {
            return 0;
        };
        state.publish(chat, "message", &shown);
        drop(state);
        self.wake();
        shown["message_id"].as_i64().unwrap_or_default()
    }

    /// A person writes two texts, and bots are told of the second one first.
    pub fn say_swapped(&self, chat: i64, by: &User, [first, second]: [&str; 2]) {
        let mut state = self.state();
        let first = self.keep(&mut state, chat, by, &Post::text(first));
        let second = self.keep(&mut state, chat, by, &Post::text(second));
        for shown in [second, first].into_iter().flatten() {
            state.publish(chat, "message", &shown);
        }
        drop(state);
        self.wake();
    }

    /// A bot is given its newest update once more, as after an acknowledgement that was lost.
    pub fn repeat_update(&self, token: &str) {
        if let Some(bot) = self.state().bots.get_mut(token) {
            bot.updates.extend(bot.newest.clone());
        }
        self.wake();
    }

    /// Keeps a message as bots will see it.
    fn keep(&self, state: &mut State, chat: i64, by: &User, post: &Post) -> Option<Value> {
        let now = self.clock.now_s();
        let file = post.file.as_ref().map(|file| {
            let name = file.name.as_deref().unwrap_or(file.kind);
            state.add_file(name, file.content.clone(), file.size)
        });
        let mut message = post.to_json(file.as_deref());
        let found = state.chats.get_mut(&chat)?;
        let topic = post.thread.and_then(|thread| found.messages.get(&thread));
        if let Some(replied) = post.reply_to.and_then(|id| found.messages.get(&id)).or(topic) {
            message["reply_to_message"] = replied.clone();
        }
        Some(found.keep(message, by.to_json(), now, post.thread))
    }

    /// A person edits the text of a message.
    pub fn edit(&self, chat: i64, message: i64, text: &str) {
        let now = self.clock.now_s();
        let mut state = self.state();
        let found = state
            .chats
            .get_mut(&chat)
            .and_then(|chat| chat.messages.get_mut(&message));
        if let Some(message) = found {
            message["text"] = json!(text);
            message["entities"] = json!(super::entities::detect(text));
            message["edit_date"] = json!(now);
            let shown = message.clone();
            state.publish(chat, "edited_message", &shown);
        }
        drop(state);
        self.wake();
    }

    /// The group becomes a supergroup: the new id. The bot is told in both chats.
    pub fn migrate(&self, group: i64, by: &User) -> i64 {
        let title = self.edit_chat(group, |chat| chat.title.clone()).unwrap_or_default();
        let to = self.supergroup(&title);
        self.post_as(group, by, &Post::fields(json!({ "migrate_to_chat_id": to })));
        self.edit_chat(group, |chat| chat.migrated_to = Some(to));
        self.post_as(to, by, &Post::fields(json!({ "migrate_from_chat_id": group })));
        to
    }

    /// Blocks a bot in a private chat, or removes it from a group.
    pub fn remove(&self, token: &str, chat: i64) {
        let bot = self.state().bots.get(token).map(|bot| bot.id);
        self.edit_chat(chat, |chat| chat.without.extend(bot));
    }

    /// Lets a bot back in.
    pub fn admit(&self, token: &str, chat: i64) {
        let bot = self.state().bots.get(token).map(|bot| bot.id);
        self.edit_chat(chat, |chat| chat.without.retain(|id| Some(*id) != bot));
    }

    /// What bots sent to a chat, in order.
    #[must_use]
    pub fn sent(&self, chat: i64) -> Vec<Sent> {
        self.edit_chat(chat, |chat| chat.sent.clone()).unwrap_or_default()
    }

    /// Waits until what bots sent to a chat satisfies a predicate; what they sent.
    ///
    /// # Panics
    /// When it does not within `timeout`.
    pub async fn wait_sent(&self, chat: i64, timeout: Duration, enough: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
        let mut changes = self.changed.subscribe();
        let waited = tokio::time::timeout(timeout, changes.wait_for(|_| enough(&self.sent(chat)))).await;
        let sent = self.sent(chat);
        assert!(waited.is_ok(), "not seen within {timeout:?}; sent so far: {sent:?}");
        sent
    }

    /// Actions such as `typing` in a chat with their topics, in order.
    #[must_use]
    pub fn actions(&self, chat: i64) -> Vec<(Option<i64>, String)> {
        self.edit_chat(chat, |chat| chat.actions.clone()).unwrap_or_default()
    }

    /// Reactions of bots in a chat, in order: message and emoji.
    #[must_use]
    pub fn reactions(&self, chat: i64) -> Vec<(i64, Option<String>)> {
        self.edit_chat(chat, |chat| chat.reactions.clone()).unwrap_or_default()
    }

    /// Name and commands of a bot, and how many updates wait for it.
    #[must_use]
    pub fn bot(&self, token: &str) -> Option<(String, Value, usize)> {
        let state = self.state();
        let bot = state.bots.get(token)?;
        Some((bot.name.clone(), bot.commands.clone(), bot.updates.len()))
    }

    /// The id of the file that came with a message.
    #[must_use]
    pub fn file_id(&self, chat: i64, message: i64) -> Option<String> {
        let message = self.edit_chat(chat, |chat| chat.messages.get(&message).cloned())??;
        let kinds = ["document", "voice", "audio", "video", "video_note", "animation"];
        let file = kinds.iter().map(|kind| &message[kind]).find(|file| file.is_object())?;
        file["file_id"].as_str().map(str::to_owned)
    }

    fn add(&self, chat: Chat) -> i64 {
        let id = chat.id;
        self.state().chats.insert(id, chat);
        id
    }

    fn edit_chat<T>(&self, chat: i64, edit: impl FnOnce(&mut Chat) -> T) -> Option<T> {
        self.state().chats.get_mut(&chat).map(edit)
    }
}
