//! One socket of Socket Mode: opened, listened to, acknowledged. It keeps listening while events are taken, so that pings
//! are answered and the end of the connection is noticed, and decides nothing about events.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context;
use futures::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Client, Upgraded, Url};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::model::Frame;
use crate::channel::{Feed, ReceiveError};

/// How long opening a socket may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest frame taken: events are of at most some hundred kilobytes.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events that wait while others are taken. With more, the socket is not read: Slack keeps them.
const WAITING_MAX: usize = 1_000;

/// Opens sockets, by the same TLS and through the same proxies as all calls.
pub(super) struct Sockets {
    client: Client,
    base: Url,
}

impl Sockets {
    /// For the Web API at `base`.
    pub(super) fn new(base: &str) -> anyhow::Result<Self> {
        let client = Client::builder()
            // A socket is an HTTP/1.1 connection that is taken over.
            .http1_only()
            .connect_timeout(OPEN_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no client for sockets can be made")?;
        let base = Url::parse(base).with_context(|| format!("{base:?} is no address"))?;
        Ok(Self { client, base })
    }

    /// Whether an address that Slack gave is Slack's own, so that a token may go there.
    pub(super) fn is_trusted(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let host = url.host_str().unwrap_or_default();
        let is_slacks = url.scheme() == "https" && (host == "slack.com" || host.ends_with(".slack.com"));
        is_slacks || url.origin() == self.base.origin()
    }

    /// Opens the socket at an address that Slack gave. The address is a credential and never said.
    pub(super) async fn open(&self, url: &str) -> Result<Session, ReceiveError> {
        let failed = |what: &str| ReceiveError::Failed(format!("a socket could not be opened: {what}"));
        let url = match url.split_once("://") {
            Some(("wss", rest)) => format!("https://{rest}"),
            Some(("ws", rest)) if self.base.scheme() == "http" => format!("http://{rest}"),
            _ => return Err(failed("Slack gave an address that is not wss://")),
        };
        let key = generate_key();
        let request = self
            .client
            .get(url)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = tokio::time::timeout(OPEN_TIMEOUT, request.send())
            .await
            .map_err(|_| failed("no answer came"))?
            .map_err(|error| failed(&error.without_url().to_string()))?;
        let accepted = response
            .headers()
            .get(SEC_WEBSOCKET_ACCEPT)
            .map(|value| value.as_bytes().to_vec());
        if response.status() != StatusCode::SWITCHING_PROTOCOLS
            || accepted.as_deref() != Some(derive_accept_key(key.as_bytes()).as_bytes())
        {
            return Err(failed(&format!("Slack answered {}", response.status().as_u16())));
        }
        let upgraded = response
            .upgrade()
            .await
            .map_err(|error| failed(&error.without_url().to_string()))?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        Ok(Session {
            socket: WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(limits)).await,
            waiting: VecDeque::new(),
            is_over: false,
        })
    }
}

/// What Slack says over a socket.
#[derive(Debug)]
pub(super) enum Told {
    Hello,
    /// Something that wants an acknowledgement; `payload` only of events.
    Envelope {
        id: String,
        payload: Option<Value>,
    },
    /// Slack will close the socket.
    Goodbye(String),
    /// It is closed.
    Over(String),
}

/// An open socket.
pub(super) struct Session {
    socket: WebSocketStream<Upgraded>,
    waiting: VecDeque<Told>,
    is_over: bool,
}

impl Session {
    /// What was said and not looked at yet.
    pub(super) fn heard(&mut self) -> Option<Told> {
        self.waiting.pop_front()
    }

    /// The next thing said. Cancel-safe: what was heard waits.
    pub(super) async fn next(&mut self, feed: &Feed) -> Told {
        loop {
            match self.heard() {
                Some(told) => return told,
                None => self.listen(feed).await,
            }
        }
    }

    /// Does some work and keeps listening meanwhile.
    pub(super) async fn alongside<T>(&mut self, feed: &Feed, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            let has_room = self.waiting.len() < WAITING_MAX;
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.listen(feed), if has_room => {}
            }
        }
    }

    /// Tells Slack that an envelope need not come again.
    pub(super) async fn acknowledge(&mut self, id: &str) -> Result<(), ReceiveError> {
        let said = Message::text(json!({ "envelope_id": id }).to_string());
        let sent = self.socket.send(said).await;
        sent.map_err(|error| ReceiveError::Failed(format!("the socket broke: {error}")))
    }

    async fn listen(&mut self, feed: &Feed) {
        if self.is_over {
            return std::future::pending().await;
        }
        let told = match self.socket.next().await {
            Some(Ok(Message::Text(text))) => told(&text),
            Some(Ok(Message::Close(_))) | None => Some(Told::Over("Slack closed the socket".to_owned())),
            Some(Err(error)) => Some(Told::Over(broke(&error))),
            // A ping is answered by the socket itself.
            Some(Ok(_)) => None,
        };
        self.is_over = matches!(told, Some(Told::Over(_)));
        if !self.is_over {
            feed.alive();
        }
        self.waiting.extend(told);
    }
}

fn broke(error: &tungstenite::Error) -> String {
    format!("the socket broke: {error}")
}

fn told(text: &str) -> Option<Told> {
    let frame: Frame = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => {
            tracing::warn!(%error, "a frame of Slack's is not understood");
            return None;
        }
    };
    match (frame.kind.as_str(), frame.envelope_id) {
        ("hello", _) => Some(Told::Hello),
        ("disconnect", _) => Some(Told::Goodbye(frame.reason)),
        (kind, Some(id)) => Some(Told::Envelope {
            id,
            payload: (kind == "events_api").then_some(frame.payload),
        }),
        (_, None) => None,
    }
}
