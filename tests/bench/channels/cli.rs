//! The local chat: its clients show a reply and die before they say so, or die before they show it, and come back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use doubles::platform::{Fault, Faults};
use gateway::channel::cli::CliChannel;
use gateway::channel::cli::clients::Clients;
use gateway::channel::{Channel, ChannelDeps};
use proto::ids::{ChatId, OutboxId};
use tokio::task::JoinSet;

use super::{Peer, Promise};

#[derive(Default)]
pub(super) struct CliPeer {
    clients: Arc<Clients>,
    faults: Arc<Faults>,
    shown: Arc<Mutex<HashMap<ChatId, Vec<String>>>>,
    terminals: Mutex<JoinSet<()>>,
}

impl Peer for CliPeer {
    fn name(&self) -> &'static str {
        "cli"
    }

    fn promise(&self) -> Promise {
        Promise::Exact
    }

    fn eased(&self) -> &'static str {
        "clients of the gateway's own, without the socket; they know a reply by its id, as `clawhold chat` does"
    }

    fn channel(&self, _: &ChannelDeps) -> Arc<dyn Channel> {
        Arc::new(CliChannel::new("bench".to_owned(), Arc::clone(&self.clients)))
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn chats(&self, count: usize) -> Vec<ChatId> {
        let chats: Vec<_> = (0..count).map(|n| ChatId::new(format!("cli:group-{n}"))).collect();
        let mut terminals = self.terminals.lock().unwrap();
        for chat in &chats {
            let terminal = Terminal {
                chat: chat.clone(),
                clients: Arc::clone(&self.clients),
                faults: Arc::clone(&self.faults),
                shown: Arc::clone(&self.shown),
                known: HashSet::new(),
            };
            terminals.spawn(terminal.sit());
        }
        chats
    }

    fn texts(&self, chat: &ChatId) -> Vec<String> {
        self.shown.lock().unwrap().get(chat).cloned().unwrap_or_default()
    }
}

/// Somebody who has a chat open, and opens it again whenever it was closed.
struct Terminal {
    chat: ChatId,
    clients: Arc<Clients>,
    faults: Arc<Faults>,
    shown: Arc<Mutex<HashMap<ChatId, Vec<String>>>>,
    known: HashSet<OutboxId>,
}

impl Terminal {
    async fn sit(mut self) {
        loop {
            let mut connected = self.clients.connect(&self.chat).unwrap();
            while let Some(reply) = connected.next().await {
                let fault = self.faults.draw("acks", true);
                if fault.is_none_or(Fault::is_executed) && self.known.insert(reply.id) {
                    let mut shown = self.shown.lock().unwrap();
                    shown.entry(self.chat.clone()).or_default().push(reply.text);
                }
                if fault.is_some() {
                    break;
                }
                self.clients.acknowledge(&self.chat, reply.id);
            }
            drop(connected);
            tokio::task::yield_now().await;
        }
    }
}
