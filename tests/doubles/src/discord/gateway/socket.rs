//! One socket: hello, heartbeats, frames in, events out.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::Order;
use super::frames::{Reaction, handle};
use super::session::Connection;
use crate::discord::Discord;
use crate::platform::{Call, Socket, SocketHandler};

/// Largest frame taken from a client.
const FRAME_BYTES_MAX: usize = 4_096;
/// Frames taken per minute.
const FRAMES_PER_MINUTE: u32 = 120;
const MINUTE: Duration = Duration::from_secs(60);

/// Serves `GET /?v=10&encoding=json` as a socket.
pub(in crate::discord) fn open(discord: &Discord, call: &Call) -> Option<SocketHandler> {
    let asked = |name: &str| call.query.get(name).map(String::as_str);
    if call.path != "/" || asked("encoding") != Some("json") || asked("compress").is_some() {
        return None;
    }
    discord.note_origin(call);
    let is_current = asked("v") == Some("10");
    let discord = discord.clone();
    Some(Box::new(move |socket| {
        Box::pin(async move {
            let mut served = Served::new(discord, socket);
            if is_current {
                served.run().await;
            } else {
                served.close(4012, "Invalid API version").await;
            }
        })
    }))
}

struct Served {
    discord: Discord,
    socket: Socket,
    id: u64,
    wake: Arc<Notify>,
    heartbeat: Duration,
    silent_since: Instant,
    minute: (Instant, u32),
    is_goodbye: bool,
}

impl Served {
    fn new(discord: Discord, socket: Socket) -> Self {
        let wake = Arc::new(Notify::new());
        let mut state = discord.state();
        let id = state.next_id();
        let connection = Connection {
            session: None,
            sent_through: 0,
            wake: Arc::clone(&wake),
            order: None,
            is_frozen: false,
        };
        state.gateway.connections.insert(id, connection);
        let heartbeat = Duration::from_millis(state.gateway.heartbeat_ms);
        drop(state);
        Self {
            discord,
            socket,
            id,
            wake,
            heartbeat,
            silent_since: Instant::now(),
            minute: (Instant::now(), 0),
            is_goodbye: false,
        }
    }

    async fn run(&mut self) {
        let interval = u64::try_from(self.heartbeat.as_millis()).unwrap_or(u64::MAX);
        let hello = json!({ "op": 10, "d": { "heartbeat_interval": interval, "_trace": [] }, "s": null, "t": null });
        let mut goes_on = self.say(&hello).await;
        while goes_on {
            goes_on = self.step().await;
        }
    }

    /// One thing that happens; `false` when the connection is over.
    async fn step(&mut self) -> bool {
        if let Some(order) = self.take_order() {
            return self.obey(order).await;
        }
        if let Some(event) = self.next_event() {
            return self.say(&event).await;
        }
        // Twice the interval: the real one is as patient.
        let silent_at = self.silent_since + self.heartbeat * 2;
        tokio::select! {
            () = self.wake.notified() => true,
            frame = self.socket.next() => match frame {
                Some(Ok(Message::Text(text))) => self.hear(&text).await,
                Some(Ok(Message::Close(frame))) => {
                    self.is_goodbye = frame.is_some_and(|frame| matches!(u16::from(frame.code), 1000 | 1001));
                    false
                }
                Some(Ok(_)) => true,
                Some(Err(_)) | None => false,
            },
            () = tokio::time::sleep_until(silent_at) => self.close(4009, "Session timed out.").await,
        }
    }

    async fn hear(&mut self, text: &str) -> bool {
        self.silent_since = Instant::now();
        if self.is_frozen() {
            return true;
        }
        if self.minute.0.elapsed() > MINUTE {
            self.minute = (Instant::now(), 0);
        }
        self.minute.1 += 1;
        if self.minute.1 > FRAMES_PER_MINUTE {
            return self.close(4008, "Rate limited.").await;
        }
        let frame = (text.len() <= FRAME_BYTES_MAX).then(|| serde_json::from_str::<Value>(text).ok());
        let reaction = match frame.flatten() {
            Some(frame) => handle(&mut self.discord.state(), self.id, &frame),
            None => Reaction::Obey(Order::Close(4002, "Error while decoding payload.")),
        };
        match reaction {
            Reaction::None => true,
            Reaction::Say(value) => self.say(&value).await,
            Reaction::Obey(order) => self.obey(order).await,
        }
    }

    async fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Cut => false,
            Order::Close(code, reason) => self.close(code, reason).await,
            Order::Reconnect => self.say(&json!({ "op": 7, "d": null, "s": null, "t": null })).await,
            Order::Invalidate { resumable } => {
                if !resumable {
                    self.drop_session();
                }
                self.say(&json!({ "op": 9, "d": resumable, "s": null, "t": null }))
                    .await
            }
        }
    }

    fn drop_session(&self) {
        let mut state = self.discord.state();
        let gateway = &mut state.gateway;
        let session = gateway.connections.get_mut(&self.id).and_then(|own| own.session.take());
        if let Some(session) = session {
            gateway.sessions.remove(&session);
        }
    }

    fn take_order(&self) -> Option<Order> {
        self.discord.state().gateway.connections.get_mut(&self.id)?.order.take()
    }

    fn next_event(&self) -> Option<Value> {
        if self.is_frozen() {
            return None;
        }
        self.discord.state().gateway.next_event(self.id)
    }

    fn is_frozen(&self) -> bool {
        let state = self.discord.state();
        state.gateway.connections.get(&self.id).is_some_and(|own| own.is_frozen)
    }

    async fn say(&mut self, value: &Value) -> bool {
        self.socket.send(Message::text(value.to_string())).await.is_ok()
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> bool {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        // Whether it arrives or not, the connection is over.
        let _ = self.socket.close(Some(frame)).await;
        false
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.discord.state();
        let now_ms = state.now_ms;
        state.gateway.leave(self.id, self.is_goodbye, now_ms);
    }
}
