//! What Telegram remembers: bots with their updates, chats, files.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde_json::{Value, json};

use super::chat::Chat;
use super::error::ApiError;

/// Updates kept per bot; Telegram keeps them for a day, a test never gets near this many.
const UPDATES_MAX: usize = 10_000;
/// Kinds of updates that a bot has to ask for by name.
const ASKED_FOR: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

#[derive(Default)]
pub(super) struct State {
    /// By token.
    pub(super) bots: BTreeMap<String, Bot>,
    pub(super) chats: BTreeMap<i64, Chat>,
    /// By file id.
    pub(super) files: BTreeMap<String, File>,
    /// Methods whose next call is refused, and in which words.
    pub(super) refusals: VecDeque<(String, String)>,
    /// Whether the limits of rate are in force.
    pub(super) limits_rate: bool,
    counter: i64,
}

pub(super) struct Bot {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) revoked: bool,
    pub(super) updates: VecDeque<(i64, Value)>,
    pub(super) newest: Option<(i64, Value)>,
    pub(super) next_update: i64,
    pub(super) allowed: Option<Vec<String>>,
    pub(super) webhook: Option<Webhook>,
    /// Which call polls; an older one has been terminated.
    pub(super) poll: u64,
    /// What terminated the older one.
    pub(super) poll_ended_by: &'static str,
    pub(super) commands: Value,
}

#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) last_error: Option<(u64, String)>,
}

pub(super) struct File {
    pub(super) path: String,
    pub(super) content: Bytes,
    /// What it is said to measure; may exceed what it holds, so that a test needs no large file.
    pub(super) size: u64,
}

impl State {
    /// A number never given before.
    pub(super) fn count(&mut self) -> i64 {
        self.counter += 1;
        self.counter
    }

    /// Why the next call of a method is refused.
    pub(super) fn refusal(&mut self, method: &str) -> Option<ApiError> {
        let of_method = self.refusals.iter().position(|(refused, _)| refused == method)?;
        let (_, why) = self.refusals.remove(of_method)?;
        Some(ApiError::bad_request(why))
    }

    pub(super) fn bot(&mut self, token: &str) -> Result<&mut Bot, ApiError> {
        let bot = self.bots.get_mut(token).filter(|bot| !bot.revoked);
        bot.ok_or_else(ApiError::unauthorized)
    }

    /// A chat that this bot may write to.
    pub(super) fn chat_for(&mut self, bot: i64, chat: i64) -> Result<&mut Chat, ApiError> {
        let unknown = || ApiError::bad_request("chat not found");
        let chat = self.chats.get_mut(&chat).ok_or_else(unknown)?;
        if let Some(to) = chat.migrated_to {
            return Err(ApiError::migrated(to));
        }
        match (chat.without.contains(&bot), chat.kind) {
            (false, _) => Ok(chat),
            (true, super::ChatKind::Private) => Err(ApiError::forbidden("bot was blocked by the user")),
            (true, super::ChatKind::Group) => Err(ApiError::forbidden("bot was kicked from the group chat")),
            (true, super::ChatKind::Supergroup) => Err(ApiError::forbidden("bot was kicked from the supergroup chat")),
        }
    }

    /// Queues an update for every bot that is in the chat and wants this kind.
    pub(super) fn publish(&mut self, chat: i64, kind: &str, content: &Value) {
        let Some(chat) = self.chats.get(&chat) else { return };
        for bot in self.bots.values_mut().filter(|bot| !chat.without.contains(&bot.id)) {
            bot.queue(kind, content);
        }
    }

    pub(super) fn add_file(&mut self, name: &str, content: Bytes, size: u64) -> String {
        let id = format!("AgACAgIAAx{:06}", self.count());
        let path = format!("documents/{id}_{name}");
        self.files.insert(id.clone(), File { path, content, size });
        id
    }
}

impl Bot {
    pub(super) fn to_json(&self) -> Value {
        json!({ "id": self.id, "is_bot": true, "first_name": self.name, "username": self.username })
    }

    fn wants(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(allowed) if !allowed.is_empty() => allowed.iter().any(|allowed| allowed == kind),
            _ => !ASKED_FOR.contains(&kind),
        }
    }

    fn queue(&mut self, kind: &str, content: &Value) {
        if self.wants(kind) && self.updates.len() < UPDATES_MAX {
            let id = self.next_update;
            self.next_update += 1;
            let update = (id, json!({ "update_id": id, kind: content }));
            self.newest = Some(update.clone());
            self.updates.push_back(update);
        }
    }
}
