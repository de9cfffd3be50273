//! A chat platform at the other end of a webhook: signs what it sends, checks what it receives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::task::JoinHandle;

/// The signature of a request, worked out from the documentation and not from the code under test.
pub fn sign(secret: &str, timestamp: &str, content: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(content);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A callback that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its header `Idempotency-Key`.
    pub key: String,
    /// Whether its signature was right.
    pub signed: bool,
    /// The reply.
    pub reply: Value,
    /// What it was answered.
    pub answered: u16,
}

/// A server for callbacks that is busy at first.
pub struct Receiver {
    address: SocketAddr,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

struct Seen {
    secret: String,
    busy: Mutex<u32>,
    received: Mutex<Vec<Received>>,
}

impl Receiver {
    /// Serves on a loopback port; the first `busy` callbacks are answered 503.
    pub async fn start(secret: &str, busy: u32) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            secret: secret.to_owned(),
            busy: Mutex::new(busy),
            received: Mutex::default(),
        });
        let router = Router::new()
            .route("/replies", post(take))
            .with_state(Arc::clone(&seen));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen, serving }
    }

    /// The address for `callback_url`.
    pub fn url(&self) -> String {
        format!("http://{}/replies", self.address)
    }

    /// All callbacks so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.seen.received.lock().unwrap().clone()
    }

    /// The callbacks that were taken.
    pub fn taken(&self) -> Vec<Received> {
        let mut received = self.received();
        received.retain(|callback| callback.answered == 200);
        received
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let expected = sign(&seen.secret, &header("x-clawhold-timestamp"), &body);
    let status = {
        let mut busy = seen.busy.lock().unwrap();
        let is_busy = *busy > 0;
        *busy = busy.saturating_sub(1);
        if is_busy {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        }
    };
    seen.received.lock().unwrap().push(Received {
        key: header("idempotency-key"),
        signed: header("x-clawhold-signature") == expected,
        reply: serde_json::from_slice(&body).unwrap(),
        answered: status.as_u16(),
    });
    status
}
