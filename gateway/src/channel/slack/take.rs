//! Events on their way in, from wherever they come.

use proto::group::ChatSeen;
use proto::inbound::InboundEvent;
use serde::Deserialize as _;
use serde_json::Value;

use super::events::{Reader, heard};
use super::model::{Channel, Me, Message};
use super::place::Place;
use super::{ACCOUNT, CHANNEL, Slack};
use crate::channel::{Feed, Inbound};
use crate::intake::Refused;

/// Where events are handed to.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// While the account is held; waits until they are stored.
    Feed(&'a Feed),
    /// Slack is told to come again if they cannot be stored now.
    Inbound(&'a Inbound),
}

impl Way<'_> {
    async fn take(self, seen: &ChatSeen, event: InboundEvent) -> Result<(), Refused> {
        match self {
            Self::Feed(feed) => feed.take(seen, event).await,
            Self::Inbound(inbound) => inbound.take(seen, event, None).await?,
        };
        Ok(())
    }

    async fn see(self, seen: &ChatSeen) {
        let noted = match self {
            Self::Feed(feed) => feed.see(seen).await.map_err(|error| error.to_string()),
            Self::Inbound(inbound) => inbound.see(seen).await.map_err(|error| error.to_string()),
        };
        if let Err(error) = noted {
            // SL-10: names are worth no failure; the next event of the chat says it again.
            tracing::debug!(error, "a channel's name was not noted");
        }
    }
}

impl Slack {
    /// Takes the event of a callback.
    pub(super) async fn take_event(&self, way: Way<'_>, me: &Me, event: &Value) -> Result<(), Refused> {
        match event["type"].as_str().unwrap_or_default() {
            // The second one repeats the first for messages that mention us: both are the same message.
            "message" | "app_mention" => match Message::deserialize(event) {
                Ok(message) => self.take_message(way, me, &message).await,
                Err(error) => {
                    // Delivered again it would be no better.
                    tracing::warn!(%error, "a message of Slack's is not understood");
                    Ok(())
                }
            },
            "channel_rename" | "group_rename" => {
                if let Ok(channel) = Channel::deserialize(&event["channel"]) {
                    self.note_channel(way, &channel).await;
                }
                Ok(())
            }
            "member_joined_channel" if event["user"] == me.user_id.as_str() => {
                let channel = Channel {
                    id: event["channel"].as_str().unwrap_or_default().to_owned(),
                    ..Channel::default()
                };
                self.note_channel(way, &channel).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes a message of the channel it names.
    pub(super) async fn take_message(&self, way: Way<'_>, me: &Me, message: &Message) -> Result<(), Refused> {
        let Some(heard) = heard(message) else {
            return Ok(());
        };
        let names = self.names.of(&self.api, heard.message(), &message.channel).await;
        let reader = Reader {
            me,
            answer_in_threads: self.answer_in_threads,
        };
        match reader.event(heard, &message.channel, names, self.clock.now()) {
            Some((seen, event)) => way.take(&seen, event).await,
            None => Ok(()),
        }
    }

    /// Makes a channel and its name known before anybody has said something in it (SL-10, and what SL-D2 lacked).
    pub(super) async fn note_channel(&self, way: Way<'_>, channel: &Channel) {
        let place = Place::channel(&channel.id);
        let name = self.names.learn(&self.api, channel).await;
        way.see(&ChatSeen {
            id: place.id(),
            channel: CHANNEL.to_owned(),
            account: ACCOUNT.to_owned(),
            name,
            is_group_chat: Some(!place.is_direct()),
            parent: None,
            seen_at: self.clock.now(),
        })
        .await;
    }
}
