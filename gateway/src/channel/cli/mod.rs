//! The local chat: every group has one, `cli:<group>`, opened by `clawhold chat` over the node's Unix socket.
//!
//! The socket is open to its owner only, so whoever writes here is the owner of the node. Replies wait, uncharged, as
//! long as nobody has the chat open.
//!
//! The account of a local chat is the gateway where its client opened or wrote to it last; so what waits in the outbox
//! follows the client. A client that has the same chat open at another gateway is shown replies again once it writes.

mod acks;
mod events;
mod messages;
mod state;

pub mod clients;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::routing::{get, post};
use bus::{Hint, Hints};
use proto::group::ChatSeen;
use proto::ids::{ChatId, GroupId};
use proto::outbound::{Delivery, Part, Resend, SendOutcome};
use proto::time::{Clock, Timestamp};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::directory::Directory;
use crate::intake::Intake;
use clients::{ACK_WAIT, Clients, Offered};
use wire::ReplyEvent;

/// Name of this channel.
pub const CHANNEL: &str = "cli";
/// Who writes here, and what its messages are deduplicated under: the same at all gateways, so that a message that is
/// posted again at another one is the same message.
const OWNER: &str = "local";
/// Longest name of a sender or message id, in bytes: names and UUIDs are far shorter.
const NAME_BYTES_MAX: usize = 200;

/// The local chat of a group.
pub fn chat_of(group: &GroupId) -> ChatId {
    ChatId::new(format!("{CHANNEL}:{group}"))
}

/// The group whose local chat this is, if it is one.
pub fn group_of(chat: &str) -> Option<GroupId> {
    GroupId::parse(chat.strip_prefix(CHANNEL)?.strip_prefix(':')?).ok()
}

/// What is known of a group's local chat when its client is at the gateway of this name.
pub fn chat_seen(group: &GroupId, gateway: &str, now: Timestamp) -> ChatSeen {
    ChatSeen {
        id: chat_of(group),
        channel: CHANNEL.to_owned(),
        account: gateway.to_owned(),
        name: Some(format!("Local chat of {group}")),
        is_group_chat: Some(false),
        seen_at: now,
        parent: None,
    }
}

/// The local chats of one gateway as delivery sees them.
#[derive(Debug)]
pub struct CliChannel {
    gateway: String,
    clients: Arc<Clients>,
}

impl CliChannel {
    /// Sends to the clients of the gateway of this name.
    pub fn new(gateway: String, clients: Arc<Clients>) -> Self {
        Self { gateway, clients }
    }
}

#[async_trait]
impl Channel for CliChannel {
    fn name(&self) -> &str {
        CHANNEL
    }

    fn account(&self) -> &str {
        &self.gateway
    }

    fn resend(&self) -> Resend {
        // Clients know a reply by its id.
        Resend::Harmless
    }

    fn reachable(&self, chat: &ChatId) -> bool {
        self.clients.reachable(chat)
    }

    async fn send(&self, delivery: &Delivery, _: &Part) -> SendOutcome {
        if delivery.extra.is_some() {
            return SendOutcome::Rejected {
                reason: "the local chat shows texts only, no files and no reactions".to_owned(),
            };
        }
        let reply = ReplyEvent {
            seq: delivery.seq,
            id: delivery.id,
            text: delivery.text.clone(),
            sender: delivery.sender.clone(),
        };
        // Not charged again before somebody reads, so the next try may come at once.
        let later = |reason: &str| SendOutcome::NotSent {
            reason: reason.to_owned(),
            retry_after: Some(std::time::Duration::ZERO),
        };
        match self.clients.offer(&delivery.chat, reply, ACK_WAIT).await {
            Offered::Acknowledged => SendOutcome::Sent { platform_id: None },
            Offered::NobodyThere => later("nobody has the chat open"),
            Offered::NotAcknowledged => later("no client acknowledged it"),
        }
    }
}

/// What the endpoints of the local chat work with.
#[derive(Clone)]
pub struct CliApi {
    /// Name of this gateway: the account of the chats that are open here.
    pub gateway: String,
    /// Takes messages.
    pub intake: Arc<Intake>,
    /// Is told which chats are open here.
    pub directory: Arc<Directory>,
    /// Rows.
    pub store: Arc<dyn Store>,
    /// Progress to show, and the poke when a client connects.
    pub hints: Arc<dyn Hints>,
    /// Time of a message.
    pub clock: Arc<dyn Clock>,
    /// Who has which chat open.
    pub clients: Arc<Clients>,
    /// Ends the streams of events, which would last for ever otherwise.
    pub stop: CancellationToken,
}

impl CliApi {
    /// The endpoints below `/v1/chats/{chat}`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/chats/{chat}/messages", post(messages::post))
            .route("/v1/chats/{chat}/events", get(events::get))
            .route("/v1/chats/{chat}/acks", post(acks::post))
            .route("/v1/chats/{chat}/state", get(state::get))
            .with_state(self)
    }

    fn poke(&self) {
        self.hints.publish(Hint::Outbox {
            channel: CHANNEL.to_owned(),
            account: self.gateway.clone(),
            row: None,
        });
    }
}
