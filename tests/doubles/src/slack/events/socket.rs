//! Socket Mode: hello, envelopes and their acknowledgements, pings, goodbyes.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{Connection, Order, Sent};
use crate::platform::{Call, Socket, SocketHandler};
use crate::slack::Slack;

/// Sockets of one app at a time.
const SOCKETS_MAX: usize = 10;
/// How often Slack pings.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long a client that was told to go may stay.
const GOODBYE: Duration = Duration::from_millis(200);

/// Serves `GET /link/?ticket=…` as a socket.
pub(in crate::slack) fn open(slack: &Slack, call: &Call) -> Option<SocketHandler> {
    if call.path != "/link/" {
        return None;
    }
    let ticket = call.query.get("ticket")?;
    let mut state = slack.state();
    if !state.events.use_ticket(ticket) || state.events.socket_count() == SOCKETS_MAX {
        return None;
    }
    let id = state.events.next_number();
    let connection = Connection::default();
    let wake = Arc::clone(&connection.wake);
    state.events.connections.insert(id, connection);
    let slack = slack.clone();
    drop(state);
    Some(Box::new(move |socket| {
        Box::pin(async move {
            let mut served = Served {
                slack,
                socket,
                id,
                wake,
            };
            // Whatever ends it, `Drop` gives back what was not acknowledged.
            let _ = served.run().await;
        })
    }))
}

struct Served {
    slack: Slack,
    socket: Socket,
    id: u64,
    wake: Arc<Notify>,
}

/// The connection is over.
struct Over;

impl Served {
    async fn run(&mut self) -> Result<(), Over> {
        let count = self.slack.state().events.socket_count();
        let app = self.slack.state().app.clone();
        self.say(&json!({
            "type": "hello",
            "num_connections": count,
            "debug_info": { "host": "applink-stand-in", "build_number": 1, "approximate_connection_time": 18060 },
            "connection_info": { "app_id": app },
        }))
        .await?;
        let mut ping_at = Instant::now() + PING_EVERY;
        loop {
            if let Some(order) = self.take_order() {
                return self.obey(order).await;
            }
            let frozen = self.is_frozen();
            if !frozen && let Some(envelope) = self.next_envelope() {
                self.say(&envelope).await?;
                continue;
            }
            let look_again = self.next_deadline().unwrap_or(ping_at).min(ping_at);
            tokio::select! {
                () = self.wake.notified() => {}
                frame = self.socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => self.hear(&text),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over),
                    Some(Ok(_)) => {}
                },
                () = tokio::time::sleep_until(look_again) => {
                    let now = Instant::now();
                    self.slack.state().events.give_back(|sent| sent.deadline <= now);
                    if now >= ping_at {
                        ping_at = now + PING_EVERY;
                        if !frozen {
                            self.socket.send(Message::Ping("Ping from stand-in".into())).await.map_err(|_| Over)?;
                        }
                    }
                }
            }
        }
    }

    fn hear(&self, text: &str) {
        let id = serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|frame| Some(frame["envelope_id"].as_str()?.to_owned()));
        let mut state = self.slack.state();
        if id.is_some_and(|id| state.events.sent.remove(&id).is_some()) {
            state.events.acknowledged += 1;
        }
    }

    fn next_envelope(&self) -> Option<Value> {
        let mut state = self.slack.state();
        let event = state.events.waiting.pop_front()?;
        let id = format!("{:08x}-0000-4000-8000-000000000000", state.events.next_number());
        let envelope = json!({
            "envelope_id": id,
            "type": "events_api",
            "accepts_response_payload": false,
            "retry_attempt": event.failed,
            "retry_reason": event.reason,
            "payload": event.payload,
        });
        let deadline = Instant::now() + state.events.retries.patience;
        let sent = Sent {
            event,
            socket: self.id,
            deadline,
        };
        state.events.sent.insert(id, sent);
        Some(envelope)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.slack.state().events.sent.values().map(|sent| sent.deadline).min()
    }

    async fn obey(&mut self, order: Order) -> Result<(), Over> {
        if let Order::Goodbye(reason) = order {
            self.say(&json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "applink-stand-in" } }))
                .await?;
            let leaving = async { while let Some(Ok(_)) = self.socket.next().await {} };
            // Who does not leave is cut off.
            let _ = tokio::time::timeout(GOODBYE, leaving).await;
        }
        Err(Over)
    }

    fn take_order(&self) -> Option<Order> {
        self.slack.state().events.connections.get_mut(&self.id)?.order.take()
    }

    fn is_frozen(&self) -> bool {
        self.slack
            .state()
            .events
            .connections
            .get(&self.id)
            .is_some_and(|own| own.is_frozen)
    }

    async fn say(&mut self, value: &Value) -> Result<(), Over> {
        self.socket
            .send(Message::text(value.to_string()))
            .await
            .map_err(|_| Over)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.slack.state();
        state.events.connections.remove(&self.id);
        let id = self.id;
        state.events.give_back(|sent| sent.socket == id);
    }
}
