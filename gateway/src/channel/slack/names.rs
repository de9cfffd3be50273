//! Names of people and channels (SL-05, SL-10): looked up when they are needed, and kept.

use std::time::Duration;

use quick_cache::sync::Cache;

use super::api::Api;
use super::events::{Looked, sender};
use super::model::{Channel, Message};

/// Names kept of each kind: those of a large workspace. The least used ones are looked up again.
const NAMES_MAX: usize = 20_000;
/// How long a message waits for a name. Slack waits three seconds for all that is to be done.
const LOOKUP_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Names {
    channels: Cache<String, String>,
    people: Cache<String, String>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            channels: Cache::new(NAMES_MAX),
            people: Cache::new(NAMES_MAX),
        }
    }

    /// The names that an event needs. What cannot be found out now is the id (SL-05), or nothing.
    pub(super) async fn of(&self, api: &Api, message: &Message, channel: &str) -> Looked {
        let (sender, channel) = tokio::join!(self.sender(api, message), self.channel(api, channel));
        Looked { sender, channel }
    }

    async fn sender(&self, api: &Api, message: &Message) -> String {
        let of_bot = message.bot_profile.as_ref().and_then(|profile| profile.name.as_ref());
        match message.username.as_ref().or(of_bot) {
            Some(name) => name.clone(),
            None => self
                .person(api, sender(message))
                .await
                .unwrap_or_else(|| sender(message).to_owned()),
        }
    }

    async fn person(&self, api: &Api, id: &str) -> Option<String> {
        if let Some(name) = self.people.get(id) {
            return Some(name);
        }
        let user = tokio::time::timeout(LOOKUP_TIMEOUT, api.user(id)).await.ok()?.ok()?;
        let name = user.real_name.filter(|name| !name.is_empty()).unwrap_or(user.name);
        self.people.insert(id.to_owned(), name.clone());
        Some(name)
    }

    async fn channel(&self, api: &Api, id: &str) -> Option<String> {
        if let Some(name) = self.channels.get(id) {
            return Some(name);
        }
        #[derive(serde::Deserialize)]
        struct Found {
            channel: Channel,
        }
        let query = [("channel", id)];
        let looking = api.read::<Found>("conversations.info", &query);
        let found = tokio::time::timeout(LOOKUP_TIMEOUT, looking).await.ok()?.ok()?;
        self.learn(api, &found.channel).await
    }

    /// Notes the name of a channel: its own, or that of whom it is with.
    pub(super) async fn learn(&self, api: &Api, channel: &Channel) -> Option<String> {
        let name = match (&channel.user, channel.is_im) {
            (Some(user), true) => self.person(api, user).await?,
            _ => channel
                .name
                .as_ref()
                .filter(|name| !name.is_empty())
                .map(|name| format!("#{name}"))?,
        };
        self.channels.insert(channel.id.clone(), name.clone());
        Some(name)
    }
}
