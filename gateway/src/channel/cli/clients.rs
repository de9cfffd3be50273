//! Who has the chat open, and who acknowledged what.
//!
//! A reply counts as delivered only once a client acknowledged it, which it does after it has shown it. At most one
//! reply per chat is on offer at a time (delivery keeps the order of a chat), and whoever opens the chat meanwhile is
//! offered it as well. Nothing here is durable: after a restart the reply is offered again, and clients know it by id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::ids::{ChatId, OutboxId};
use tokio::sync::{mpsc, oneshot};

use super::wire::ReplyEvent;

/// Clients that may be connected at once: each holds a connection and a buffer.
pub const CLIENTS_MAX: usize = 64;
/// How long a connected client has to acknowledge. One that does not (a stopped terminal) counts as absent until it
/// acknowledges, so that a reply is not charged attempt after attempt.
pub const ACK_WAIT: Duration = Duration::from_secs(10);
/// Replies a client may be behind. Only one is on offer at a time, so a full buffer means that nobody reads.
const BACKLOG: usize = 8;

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// A client has shown it.
    Acknowledged,
    /// Nobody has the chat open (any more).
    NobodyThere,
    /// Somebody has, and did not acknowledge in time.
    NotAcknowledged,
}

/// The clients of all chats.
#[derive(Debug, Default)]
pub struct Clients {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    connected: usize,
    chats: HashMap<ChatId, OpenChat>,
}

#[derive(Debug, Default)]
struct OpenChat {
    clients: HashMap<u64, Client>,
    offer: Option<Offer>,
    /// Acknowledged after its offer had ended: the next offer of it succeeds at once.
    late_ack: Option<OutboxId>,
}

#[derive(Debug)]
struct Client {
    replies: mpsc::Sender<ReplyEvent>,
    stalled: bool,
}

#[derive(Debug)]
struct Offer {
    reply: ReplyEvent,
    outcome: oneshot::Sender<Offered>,
}

/// A client that has a chat open; dropping it closes the chat.
#[derive(Debug)]
pub struct Connected {
    clients: Arc<Clients>,
    chat: ChatId,
    id: u64,
    replies: mpsc::Receiver<ReplyEvent>,
}

/// More clients than [`CLIENTS_MAX`].
#[derive(Debug, thiserror::Error)]
#[error("{CLIENTS_MAX} clients are connected already: close one")]
pub struct TooManyClients;

impl Connected {
    /// The next reply on offer. Cancel-safe.
    pub async fn next(&mut self) -> Option<ReplyEvent> {
        self.replies.recv().await
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.clients.disconnect(&self.chat, self.id);
    }
}

impl Clients {
    /// Opens a chat.
    ///
    /// # Errors
    /// [`TooManyClients`].
    pub fn connect(self: &Arc<Self>, chat: &ChatId) -> Result<Connected, TooManyClients> {
        let (sender, replies) = mpsc::channel(BACKLOG);
        let mut state = self.lock();
        if state.connected >= CLIENTS_MAX {
            return Err(TooManyClients);
        }
        state.connected += 1;
        state.next_id += 1;
        let id = state.next_id;
        let open = state.chats.entry(chat.clone()).or_default();
        if let Some(offer) = &open.offer {
            // The buffer is empty: this cannot fail.
            let _ = sender.try_send(offer.reply.clone());
        }
        open.clients.insert(
            id,
            Client {
                replies: sender,
                stalled: false,
            },
        );
        Ok(Connected {
            clients: Arc::clone(self),
            chat: chat.clone(),
            id,
            replies,
        })
    }

    /// Whether a client that reads has the chat open.
    pub fn reachable(&self, chat: &ChatId) -> bool {
        self.lock().chats.get(chat).is_some_and(OpenChat::reachable)
    }

    /// Notes that a client has shown a reply. Returns whether the chat became reachable again by it.
    pub fn acknowledge(&self, chat: &ChatId, id: OutboxId) -> bool {
        let mut state = self.lock();
        let Some(open) = state.chats.get_mut(chat) else {
            return false;
        };
        let was_reachable = open.reachable();
        for client in open.clients.values_mut() {
            client.stalled = false;
        }
        let offer = open.offer.take_if(|offer| offer.reply.id == id);
        // The one who waits may have given up this very moment; then it is a late acknowledgement.
        let heard = offer.is_some_and(|offer| offer.outcome.send(Offered::Acknowledged).is_ok());
        if !heard {
            open.late_ack = Some(id);
        }
        !was_reachable
    }

    /// Offers a reply to all who have the chat open, and waits for the first to acknowledge it.
    pub async fn offer(&self, chat: &ChatId, reply: ReplyEvent, wait: Duration) -> Offered {
        let (outcome, acknowledged) = oneshot::channel();
        {
            let mut state = self.lock();
            let Some(open) = state.chats.get_mut(chat) else {
                return Offered::NobodyThere;
            };
            if open.late_ack == Some(reply.id) {
                return Offered::Acknowledged;
            }
            if !open.reachable() {
                return Offered::NobodyThere;
            }
            for client in open.clients.values_mut().filter(|client| !client.stalled) {
                client.stalled = client.replies.try_send(reply.clone()).is_err();
            }
            open.offer = Some(Offer { reply, outcome });
        }
        match tokio::time::timeout(wait, acknowledged).await {
            Ok(outcome) => outcome.unwrap_or(Offered::NobodyThere),
            Err(_) => {
                self.give_up(chat);
                Offered::NotAcknowledged
            }
        }
    }

    fn give_up(&self, chat: &ChatId) {
        if let Some(open) = self.lock().chats.get_mut(chat) {
            open.offer = None;
            for client in open.clients.values_mut() {
                client.stalled = true;
            }
        }
    }

    fn disconnect(&self, chat: &ChatId, id: u64) {
        let mut state = self.lock();
        let Some(open) = state.chats.get_mut(chat) else { return };
        if open.clients.remove(&id).is_none() {
            return;
        }
        if open.clients.is_empty() {
            if let Some(offer) = open.offer.take() {
                let _ = offer.outcome.send(Offered::NobodyThere);
            }
            // Clients know replies by id, so forgetting a late acknowledgement costs one more offer.
            state.chats.remove(chat);
        }
        state.connected -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the map consistent, so a panic elsewhere does not make it unusable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenChat {
    fn reachable(&self) -> bool {
        self.clients.values().any(|client| !client.stalled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ids::OutboxId;

    const SOON: Duration = Duration::from_secs(5);
    const AT_ONCE: Duration = Duration::from_millis(1);

    fn chat() -> ChatId {
        ChatId::new("cli:main")
    }

    fn reply(number: u128) -> ReplyEvent {
        ReplyEvent {
            seq: 1,
            id: OutboxId(uuid::Uuid::from_u128(number)),
            text: "hi".into(),
            sender: None,
        }
    }

    #[tokio::test]
    async fn a_reply_is_delivered_once_a_client_acknowledged_it() {
        let (clients, here) = (Arc::new(Clients::default()), chat());
        let mut client = clients.connect(&chat()).unwrap();
        let shows = async {
            let shown = client.next().await.unwrap();
            clients.acknowledge(&chat(), shown.id);
        };
        let (offered, ()) = tokio::join!(clients.offer(&here, reply(1), SOON), shows);
        assert_eq!(offered, Offered::Acknowledged);
    }

    #[tokio::test]
    async fn nobody_there_ends_an_offer_at_once() {
        let (clients, here) = (Arc::new(Clients::default()), chat());
        assert!(!clients.reachable(&chat()));
        assert_eq!(clients.offer(&chat(), reply(1), SOON).await, Offered::NobodyThere);
        let mut client = clients.connect(&chat()).unwrap();
        let leaves = async {
            client.next().await.unwrap();
            drop(client);
        };
        let (offered, ()) = tokio::join!(clients.offer(&here, reply(1), SOON), leaves);
        assert_eq!(offered, Offered::NobodyThere);
        assert!(!clients.reachable(&chat()));
    }

    #[tokio::test]
    async fn who_opens_the_chat_during_an_offer_gets_it_too() {
        let (clients, here) = (Arc::new(Clients::default()), chat());
        let mut first = clients.connect(&chat()).unwrap();
        let second_comes = async {
            first.next().await.unwrap();
            let mut second = clients.connect(&chat()).unwrap();
            drop(first);
            let shown = second.next().await.unwrap();
            clients.acknowledge(&chat(), shown.id);
            second
        };
        let (offered, _second) = tokio::join!(clients.offer(&here, reply(1), SOON), second_comes);
        assert_eq!(offered, Offered::Acknowledged);
    }

    #[tokio::test]
    async fn a_client_that_never_acknowledges_counts_as_absent_until_it_does() {
        let clients = Arc::new(Clients::default());
        let _stopped = clients.connect(&chat()).unwrap();
        assert_eq!(
            clients.offer(&chat(), reply(1), AT_ONCE).await,
            Offered::NotAcknowledged
        );
        assert!(!clients.reachable(&chat()));
        assert!(clients.acknowledge(&chat(), reply(1).id), "it is back");
        assert!(clients.reachable(&chat()));
        assert_eq!(
            clients.offer(&chat(), reply(1), AT_ONCE).await,
            Offered::Acknowledged,
            "the late acknowledgement counts"
        );
    }

    #[test]
    fn the_number_of_clients_is_bounded() {
        let clients = Arc::new(Clients::default());
        let connected: Vec<_> = (0..CLIENTS_MAX).map(|_| clients.connect(&chat()).unwrap()).collect();
        assert!(clients.connect(&chat()).is_err());
        drop(connected);
        assert!(clients.connect(&chat()).is_ok());
    }
}
