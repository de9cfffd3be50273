//! What an adapter hands its events to.

use std::sync::Arc;
use std::time::Duration;

use proto::group::{Chat, ChatSeen};
use proto::ids::GroupId;
use proto::inbound::InboundEvent;
use proto::lease::holding::{Hold, LeaseName};
use proto::outbound::Delivery;
use proto::time::Timestamp;
use service::random::Random;
use store::Store;

use super::{Channel, ReceiveError};
use crate::health::{Health, Receiving};
use crate::intake::{Intake, Refused, Taken};

/// First wait before an event that could not be stored is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Longest such wait: the platform holds the rest back meanwhile.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The way in for events that the platform delivers by calling us, and will deliver again when told so.
#[derive(Clone)]
pub struct Inbound {
    intake: Arc<Intake>,
    channel: Arc<dyn Channel>,
}

impl Inbound {
    /// Into `intake`, for this channel.
    pub fn new(intake: Arc<Intake>, channel: Arc<dyn Channel>) -> Self {
        Self { intake, channel }
    }

    /// Takes one event. A chat without a group joins `joins`, or the group of the chat it is a thread of.
    ///
    /// # Errors
    /// [`Refused`]: of an `Unavailable` event the platform must be told to deliver it again (503).
    pub async fn take(&self, seen: &ChatSeen, event: InboundEvent, joins: Option<&GroupId>) -> Result<Taken, Refused> {
        self.intake.take_with_files(seen, event, joins, &self.channel).await
    }
}

impl Inbound {
    /// Tells the agent that a message which the platform had accepted did not arrive.
    ///
    /// # Errors
    /// [`Refused`]: the platform must be told to say it again (503).
    pub async fn tell_failed(&self, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<(), Refused> {
        self.intake.tell_failed(delivery, reason, now).await
    }

    /// Takes note of a chat in which nothing was said yet.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn see(&self, seen: &ChatSeen) -> Result<(), Refused> {
        self.intake.see(seen).await
    }
}

/// The way in for events that this gateway reads from the platform while it holds the account.
pub struct Feed {
    inbound: Inbound,
    hold: Hold,
    store: Arc<dyn Store>,
    health: Arc<Health>,
    random: Random,
}

impl Feed {
    /// For the account that is held.
    pub fn new(inbound: Inbound, hold: Hold, store: Arc<dyn Store>, health: Arc<Health>, random: Random) -> Self {
        Self {
            inbound,
            hold,
            store,
            health,
            random,
        }
    }

    /// Says that the feed is open: connected and accepted by the platform.
    pub fn live(&self) {
        self.health.receiving(Receiving::Live);
    }

    /// Says that the feed shows a sign of life: an event, an empty poll, a heartbeat's answer. Without any it is taken for
    /// dead after [`crate::receiving::SILENCE_MAX`].
    pub fn alive(&self) {
        self.health.alive();
    }

    /// Takes one event, however long that takes; returns when it is durable, or never will be wanted. Only then may the
    /// platform be told that it was taken.
    pub async fn take(&self, seen: &ChatSeen, event: InboundEvent) -> Taken {
        self.take_for(seen, event, None).await
    }

    /// As [`Feed::take`]; a chat without a group joins `joins`.
    pub async fn take_for(&self, seen: &ChatSeen, event: InboundEvent, joins: Option<&GroupId>) -> Taken {
        let mut wait = RETRY;
        loop {
            match self.inbound.take(seen, event.clone(), joins).await {
                Ok(taken) => {
                    self.alive();
                    return taken;
                }
                Err(Refused::Unavailable(cause)) => {
                    tracing::warn!(channel.name = %seen.channel, error = &*cause, "an event cannot be stored yet");
                }
                Err(refused) => {
                    let error = &refused as &dyn std::error::Error;
                    tracing::warn!(channel.name = %seen.channel, chat.id = %seen.id, error, "an event was not taken");
                    return Taken::Dropped;
                }
            }
            // That the store is away says nothing about the feed.
            self.alive();
            tokio::time::sleep(wait.mul_f64(0.5 + (self.random)() / 2.0)).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// Tells of a chat in which nothing is said here.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn see(&self, seen: &ChatSeen) -> Result<(), ReceiveError> {
        let known = self.store.see_chat(seen).await;
        known.map(|_| ()).map_err(|error| away("a chat", &error))
    }

    /// The chat of the main group in which something was heard last, threads after other chats.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn main_chat(&self) -> Result<Option<Chat>, ReceiveError> {
        let groups = self.store.groups().await.map_err(|error| away("the groups", &error))?;
        let chats = self.store.chats().await.map_err(|error| away("the chats", &error))?;
        let of_main = chats.into_iter().filter(|chat| {
            let group = chat.group.as_ref();
            groups.iter().any(|main| main.is_main && group == Some(&main.id))
        });
        // The one heard of last comes first, and `min_by_key` keeps that order.
        Ok(of_main.min_by_key(|chat| chat.parent.is_some()))
    }

    /// How far the feed was read, in the channel's own words.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn position(&self) -> Result<Option<String>, ReceiveError> {
        let LeaseName::Account { channel, account } = &self.hold.name else {
            return Ok(None);
        };
        self.store.account_position(channel, account).await.map_err(failed)
    }

    /// Notes how far the feed was read: whoever holds the account next goes on from there.
    ///
    /// # Errors
    /// When the store does not answer, or the account is somebody else's by now.
    pub async fn save_position(&self, position: &str) -> Result<(), ReceiveError> {
        self.store.save_position(&self.hold, position).await.map_err(failed)
    }
}

fn failed(error: store::Error) -> ReceiveError {
    away("the position in the feed", &error)
}

fn away(what: &str, error: &store::Error) -> ReceiveError {
    ReceiveError::Failed(format!("{what}: {error}"))
}
