//! The port to a chat platform, and the channels of one node.
//!
//! A channel turns platform events into [`proto::inbound::InboundEvent`]s for [`crate::intake`], and sends what
//! [`crate::delivery`] hands it. It decides nothing about groups, triggers or retries.

pub mod cli;
pub mod webhook;

use async_trait::async_trait;
use proto::ids::ChatId;
use proto::outbound::{Delivery, Resend, SendOutcome};

/// One account on one chat platform, as delivery sees it.
///
/// Of all gateways the one that holds the account's lease sends ([`crate::delivery::account`], which also says where a
/// poller or socket of an account is started). Webhooks and other requests are taken in by any gateway.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// Name of the channel: the `channel` of its chats and deliveries.
    fn name(&self) -> &str;

    /// The account: the `account` of its chats and deliveries.
    fn account(&self) -> &str;

    /// What sending the same delivery twice does.
    fn resend(&self) -> Resend;

    /// Whether somebody could receive in this chat now. A delivery to an unreachable chat waits without being charged
    /// an attempt; the channel publishes an outbox hint when the chat becomes reachable.
    fn reachable(&self, chat: &ChatId) -> bool;

    /// Sends one delivery and says what became of it. Bounded in time by the channel.
    async fn send(&self, delivery: &Delivery) -> SendOutcome;
}
