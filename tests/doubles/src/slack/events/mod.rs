//! What the app is told, over sockets or by signed requests, until it says that it has it.

mod signed;
mod socket;
mod words;

pub use signed::signature;
pub(super) use socket::open as open_socket;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

/// Events kept for an app that is away; of more the oldest are dropped.
const WAITING_MAX: usize = 10_000;

/// How patient Slack is.
#[derive(Clone, Debug)]
pub struct Retries {
    /// How long the app has to acknowledge an event.
    pub patience: Duration,
    /// Waits before each further try; after the last one the event is dropped.
    pub waits: Vec<Duration>,
}

impl Default for Retries {
    fn default() -> Self {
        let waits = [1, 60, 300].map(Duration::from_secs);
        Self {
            patience: Duration::from_secs(3),
            waits: waits.to_vec(),
        }
    }
}

/// One event on its way.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The whole `event_callback`.
    pub(super) payload: Value,
    /// Tries that were not acknowledged.
    pub(super) failed: usize,
    pub(super) reason: &'static str,
}

/// An envelope that was sent over a socket.
struct Sent {
    event: Event,
    socket: u64,
    deadline: tokio::time::Instant,
}

/// What the test has done to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Cut,
    /// Slack says goodbye with this reason; the socket is closed a moment later.
    Goodbye(&'static str),
}

#[derive(Default)]
struct Connection {
    wake: Arc<Notify>,
    order: Option<Order>,
    is_frozen: bool,
}

#[derive(Default)]
pub(super) struct Events {
    pub(super) retries: Retries,
    waiting: VecDeque<Event>,
    sent: BTreeMap<String, Sent>,
    connections: BTreeMap<u64, Connection>,
    tickets: BTreeSet<String>,
    /// Woken when an event waits, for the sender of signed requests.
    arrived: Arc<Notify>,
    last: u64,
    pub(super) acknowledged: u64,
    pub(super) dropped: u64,
    pub(super) refused: u64,
}

impl Events {
    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A ticket opens one socket, once.
    pub(super) fn new_ticket(&mut self) -> String {
        let ticket = format!("ticket-{}", self.next_number());
        self.tickets.insert(ticket.clone());
        ticket
    }

    fn use_ticket(&mut self, ticket: &str) -> bool {
        self.tickets.remove(ticket)
    }

    pub(super) fn push(&mut self, payload: Value) {
        self.queue(Event {
            payload,
            failed: 0,
            reason: "",
        });
    }

    fn queue(&mut self, event: Event) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(event);
        self.wake_all();
    }

    fn wake_all(&self) {
        self.arrived.notify_one();
        self.connections
            .values()
            .for_each(|connection| connection.wake.notify_one());
    }

    /// Counts a try that failed; the event comes back at once, or is dropped after the last try.
    fn failed(&mut self, event: Event, reason: &'static str) {
        let failed = event.failed + 1;
        self.refused += 1;
        if failed > self.retries.waits.len() {
            self.dropped += 1;
        } else {
            self.queue(Event {
                failed,
                reason,
                ..event
            });
        }
    }

    /// Envelopes of a socket that ended, or whose time is over, are sent again.
    fn give_back(&mut self, is_over: impl Fn(&Sent) -> bool) {
        let over: Vec<String> = self
            .sent
            .iter()
            .filter(|(_, sent)| is_over(sent))
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            if let Some(sent) = self.sent.remove(&id) {
                self.failed(sent.event, "timeout");
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.sent.clear();
    }

    /// The two newest events that wait change places.
    pub(super) fn swap_newest(&mut self) {
        let count = self.waiting.len();
        if count >= 2 {
            self.waiting.swap(count - 1, count - 2);
        }
    }

    pub(super) fn order_all(&mut self, order: Order) {
        for connection in self.connections.values_mut() {
            connection.order = Some(order);
        }
        self.wake_all();
    }

    pub(super) fn freeze_all(&mut self) {
        self.connections
            .values_mut()
            .for_each(|connection| connection.is_frozen = true);
    }

    pub(super) fn socket_count(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn open_count(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }
}
