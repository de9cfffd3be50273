//! Sessions and connections as the gateway keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Intents;

/// Events kept for a replay. A session that missed more cannot be resumed, as with the real one.
const EVENTS_MAX: usize = 20_000;
/// How long a session without a socket can be resumed.
const RESUME_WINDOW_MS: u64 = 5 * 60 * 1_000;
/// Sessions kept; the oldest go first.
const SESSIONS_MAX: usize = 100;
/// Sessions begun per day.
pub(in crate::discord) const STARTS_PER_DAY: u64 = 1_000;

#[derive(Debug)]
pub(in crate::discord) struct Gateway {
    pub(in crate::discord) sessions: BTreeMap<String, Session>,
    pub(in crate::discord) connections: BTreeMap<u64, Connection>,
    /// Privileged intents that the owner has switched on.
    pub(in crate::discord) allowed: Intents,
    pub(in crate::discord) heartbeat_ms: u64,
    /// Time between two identifies.
    pub(in crate::discord) identify_pause_ms: u64,
    pub(in crate::discord) identified_ms: Option<u64>,
    pub(in crate::discord) identifies: u64,
    pub(in crate::discord) resumes: u64,
}

#[derive(Debug)]
pub(in crate::discord) struct Session {
    pub(super) intents: Intents,
    pub(super) sequence: u64,
    events: VecDeque<(u64, Value)>,
    /// Since when it has no socket.
    pub(super) left_ms: Option<u64>,
}

#[derive(Debug)]
pub(in crate::discord) struct Connection {
    pub(super) session: Option<String>,
    pub(super) sent_through: u64,
    pub(super) wake: Arc<Notify>,
    pub(super) order: Option<Order>,
    /// Alive on the wire, but nothing comes from it any more.
    pub(super) is_frozen: bool,
}

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::discord) enum Order {
    /// End without a word.
    Cut,
    /// Close with this code and reason.
    Close(u16, &'static str),
    /// Ask the client to connect again.
    Reconnect,
    /// Tell the client that its session is over, or that it may resume it.
    Invalidate { resumable: bool },
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            sessions: BTreeMap::new(),
            connections: BTreeMap::new(),
            allowed: Intents::MESSAGE_CONTENT,
            heartbeat_ms: 41_250,
            identify_pause_ms: 5_000,
            identified_ms: None,
            identifies: 0,
            resumes: 0,
        }
    }
}

impl Gateway {
    /// Adds an event to every session that hears of it; `blank` is what sessions without the intent for content get.
    pub(in crate::discord) fn dispatch(
        &mut self,
        name: &str,
        intent: Intents,
        data: &Value,
        blank: Option<&Value>,
        now_ms: u64,
    ) {
        self.sessions.retain(|_, session| session.is_kept(now_ms));
        for session in self.sessions.values_mut() {
            if session.intents.contains(intent) {
                let reads = session.intents.contains(Intents::MESSAGE_CONTENT);
                session.push(name, if reads { data } else { blank.unwrap_or(data) });
            }
        }
        self.wake_all();
    }

    /// Gives an order to every connection.
    pub(in crate::discord) fn order_all(&mut self, order: Order) {
        for connection in self.connections.values_mut() {
            connection.order = Some(order);
            connection.wake.notify_one();
        }
    }

    /// From now on nothing comes from the sockets that are open, though they stay open.
    pub(in crate::discord) fn freeze_all(&mut self) {
        for connection in self.connections.values_mut() {
            connection.is_frozen = true;
        }
    }

    /// Connections that have a session.
    pub(in crate::discord) fn live(&self) -> usize {
        let has_session = |connection: &&Connection| connection.session.is_some() && !connection.is_frozen;
        self.connections.values().filter(has_session).count()
    }

    pub(super) fn begin(&mut self, id: &str, intents: Intents) {
        if self.sessions.len() >= SESSIONS_MAX {
            self.sessions.pop_first();
        }
        let session = Session {
            intents,
            sequence: 0,
            events: VecDeque::new(),
            left_ms: None,
        };
        self.sessions.insert(id.to_owned(), session);
    }

    /// The connection has the session from now on; another that had it is closed.
    pub(super) fn attach(&mut self, connection: u64, session: &str, sent_through: u64) {
        for (id, other) in &mut self.connections {
            if *id != connection && other.session.as_deref() == Some(session) {
                other.session = None;
                other.order = Some(Order::Close(4000, "Unknown error."));
                other.wake.notify_one();
            }
        }
        if let Some(own) = self.connections.get_mut(&connection) {
            own.session = Some(session.to_owned());
            own.sent_through = sent_through;
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.left_ms = None;
        }
    }

    /// The connection has ended; its session waits for a resume, unless the client said goodbye.
    pub(super) fn leave(&mut self, connection: u64, is_goodbye: bool, now_ms: u64) {
        let Some(gone) = self.connections.remove(&connection) else {
            return;
        };
        let Some(id) = gone.session else { return };
        if is_goodbye {
            self.sessions.remove(&id);
        } else if let Some(session) = self.sessions.get_mut(&id) {
            session.left_ms = Some(now_ms);
        }
    }

    /// The next event that a connection has not sent.
    pub(super) fn next_event(&mut self, connection: u64) -> Option<Value> {
        let own = self.connections.get_mut(&connection)?;
        let session = self.sessions.get(own.session.as_ref()?)?;
        let (sequence, event) = session.after(own.sent_through)?;
        own.sent_through = *sequence;
        Some(event.clone())
    }

    fn wake_all(&self) {
        for connection in self.connections.values() {
            connection.wake.notify_one();
        }
    }
}

impl Session {
    pub(super) fn push(&mut self, name: &str, data: &Value) {
        self.sequence += 1;
        let event = json!({ "op": 0, "t": name, "s": self.sequence, "d": data });
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back((self.sequence, event));
    }

    /// Whether everything after this sequence is still there.
    pub(super) fn can_resume(&self, sequence: u64, now_ms: u64) -> bool {
        let oldest = self.events.front().map_or(self.sequence + 1, |(oldest, _)| *oldest);
        self.is_kept(now_ms) && sequence + 1 >= oldest
    }

    fn is_kept(&self, now_ms: u64) -> bool {
        self.left_ms.is_none_or(|left_ms| now_ms < left_ms + RESUME_WINDOW_MS)
    }

    fn after(&self, sequence: u64) -> Option<&(u64, Value)> {
        let place = self.events.partition_point(|(at, _)| *at <= sequence);
        self.events.get(place)
    }
}
