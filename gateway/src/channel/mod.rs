//! The port to a chat platform, and the channels.
//!
//! A channel turns platform events into [`proto::inbound::InboundEvent`]s for [`crate::intake`], and sends what
//! [`crate::delivery`] hands it. It decides nothing about groups, triggers, splitting or retries, and it repeats no call that
//! may have had an effect: what became of a call is for delivery to decide about.

mod build;
mod feed;
mod host;
mod lenient;
mod receive_error;

#[cfg(test)]
pub(crate) mod conformance;

pub mod cli;
pub mod discord;
pub mod gmail;
pub mod slack;
pub mod telegram;
pub mod webhook;
pub mod whatsapp;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use proto::ids::ChatId;
use proto::outbound::{Delivery, Limits, Part, Reconciled, Resend, SendOutcome};

pub use build::{ChannelDeps, build};
pub use feed::{Feed, Inbound};
pub use receive_error::{FetchError, ReceiveError};

/// One account on one chat platform.
///
/// Of all gateways the one that holds the account's lease sends and runs [`Channel::receive`]. Webhooks are taken in by any
/// gateway.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// Name of the channel: the `channel` of its chats and deliveries.
    fn name(&self) -> &str;

    /// The account: the `account` of its chats and deliveries. Has no colon, and stays the same for as long as the bot does:
    /// dedup keys begin with it.
    fn account(&self) -> &str;

    // The way out.

    /// What sending the same part twice does, where [`Channel::reconcile`] cannot tell whether it arrived.
    fn resend(&self) -> Resend;

    /// What one message of the platform holds, for the next part of this delivery.
    fn limits(&self, _: &Delivery) -> Limits {
        Limits::NONE
    }

    /// Whether somebody could receive in this chat now. A delivery to an unreachable chat waits without being charged
    /// an attempt; the channel publishes an outbox hint when the chat becomes reachable.
    fn reachable(&self, _: &ChatId) -> bool {
        true
    }

    /// Sends one part of a delivery, which is one message of the platform, and says what became of it. Bounded in time.
    ///
    /// `part.text` is the agent's common Markdown, cut at [`Channel::limits`]. `delivery.extra` goes out with the first part
    /// (`part.from == 0`). `(delivery.id, part.from)` is the identity of the part, for platforms that know idempotency keys.
    async fn send(&self, delivery: &Delivery, part: &Part) -> SendOutcome;

    /// Finds out whether a part that may have arrived did. Bounded in time.
    async fn reconcile(&self, _: &Delivery, _: &Part) -> Reconciled {
        Reconciled::CannotTell
    }

    /// Shows or ends "is typing" in a chat. Called again every [`TYPING_EVERY`] while it goes on; best effort.
    async fn typing(&self, _: &ChatId, _: bool) {}

    // The way in.

    /// Whether there is something to [`Channel::receive`].
    fn receives(&self) -> bool {
        false
    }

    /// Reads the platform's feed (a poll, a socket) until it breaks off, and hands what it says to `feed`. Runs only while
    /// this gateway holds the account, and is dropped when it loses it, is silent for too long, or stops: at any `.await`.
    /// The platform is told that an event was taken only after [`Feed::take`] has returned.
    ///
    /// # Errors
    /// Why it broke off. It is called again after a while, for ever; `Ok` means that the platform asked for a new connection.
    async fn receive(&self, _: &Feed) -> Result<(), ReceiveError> {
        std::future::pending().await
    }

    /// Endpoints by which the platform delivers events. Every gateway serves them, whoever holds the account.
    fn routes(self: Arc<Self>, _: Inbound) -> Router {
        Router::new()
    }

    /// Fetches a file that came with a message; `reference` is that of its `IncomingFile`.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn fetch_file(&self, _: &str, _bytes_max: u64) -> Result<Bytes, FetchError> {
        Err(FetchError::Gone("this channel has no files".to_owned()))
    }
}

/// How often "is typing" is said again while it goes on: platforms show it for five seconds or more.
pub const TYPING_EVERY: Duration = Duration::from_secs(4);
