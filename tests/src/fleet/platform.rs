//! The chat platform: rooms whose messages are delivered in order, each until it is taken; and a place for replies.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{HOOK, Spoken};
use crate::receiver::sign;

/// Shared with the gateways.
pub(crate) const SECRET: &str = "0123456789abcdef-stand-in";
/// Wait before a message that was not taken is delivered again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a gateway may take to answer; longer than it says it does.
const ANSWER: Duration = Duration::from_secs(5);

/// The platform.
pub struct Platform {
    address: std::net::SocketAddr,
    gateways: Mutex<Vec<String>>,
    client: reqwest::Client,
    next_gateway: AtomicUsize,
    next_number: AtomicU64,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    spoken: Mutex<Vec<Spoken>>,
    by_id: Mutex<HashMap<String, usize>>,
    answered: watch::Sender<HashSet<u64>>,
    accepted: Mutex<BTreeMap<u64, (usize, Instant)>>,
}

impl Platform {
    /// Serves on a loopback port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let router = Router::new()
            .route("/replies", post(take))
            .with_state(Arc::clone(&seen));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            gateways: Mutex::default(),
            client: reqwest::Client::builder().timeout(ANSWER).build().unwrap(),
            next_gateway: AtomicUsize::new(0),
            next_number: AtomicU64::new(1),
            seen,
            serving,
        }
    }

    /// The address for `callback_url`.
    pub fn url(&self) -> String {
        format!("http://{}/replies", self.address)
    }

    /// Where messages are delivered to.
    pub fn deliver_to(&self, gateways: Vec<String>) {
        *self.gateways.lock().unwrap() = gateways;
    }

    /// Gives a message its number.
    pub fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Says something in a room; returns its number once it was taken.
    pub async fn say(&self, room: usize, text: &str) -> u64 {
        let number = self.number();
        self.deliver(room, number, text).await;
        number
    }

    /// Delivers a message until a gateway takes it, now to one, now to another.
    pub async fn deliver(&self, room: usize, number: u64, text: &str) {
        let body = json!({
            "id": format!("m{number}"), "chat": format!("{room}"), "sender": "u7", "text": format!("#{number} {text}"),
        })
        .to_string();
        while !self.post(&body).await {
            tokio::time::sleep(AGAIN).await;
        }
        self.seen
            .accepted
            .lock()
            .unwrap()
            .insert(number, (room, Instant::now()));
    }

    async fn post(&self, body: &str) -> bool {
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
            .to_string();
        let turn = self.next_gateway.fetch_add(1, Ordering::Relaxed);
        let gateway = {
            let gateways = self.gateways.lock().unwrap();
            gateways[turn % gateways.len()].clone()
        };
        let request = self
            .client
            .post(format!("{gateway}/v1/webhooks/{HOOK}/messages"))
            .header("x-clawhold-timestamp", &at)
            .header("x-clawhold-signature", sign(SECRET, &at, body.as_bytes()))
            .body(body.to_owned());
        match request.send().await {
            // What is ignored is no success of a test.
            Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                let said: Value = answer.json().await.unwrap_or_default();
                assert!(said["status"] == "accepted" || said["status"] == "duplicate", "{said}");
                true
            }
            Ok(answer) => {
                let status = answer.status();
                assert!(
                    status.is_server_error() || status == 429,
                    "{status}: {:?}",
                    answer.text().await
                );
                false
            }
            Err(_) => false,
        }
    }

    /// Whether a message was answered.
    pub fn is_answered(&self, number: u64) -> bool {
        self.seen.answered.borrow().contains(&number)
    }

    /// Waits until a message was answered.
    pub async fn until_answered(&self, number: u64) {
        let mut answered = self.seen.answered.subscribe();
        let found = answered.wait_for(|answered| answered.contains(&number)).await;
        drop(found.expect("the platform is there"));
    }

    /// Messages that were taken, with room and time.
    pub fn accepted(&self) -> BTreeMap<u64, (usize, Instant)> {
        self.seen.accepted.lock().unwrap().clone()
    }

    /// Messages taken and not answered.
    pub fn unanswered(&self) -> Vec<u64> {
        let answered = self.seen.answered.borrow();
        let accepted = self.seen.accepted.lock().unwrap();
        accepted
            .keys()
            .filter(|number| !answered.contains(number))
            .copied()
            .collect()
    }

    /// All replies, in order of their first arrival.
    pub fn spoken(&self) -> Vec<Spoken> {
        self.seen.spoken.lock().unwrap().clone()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let expected = sign(SECRET, &header("x-clawhold-timestamp"), &body);
    assert_eq!(header("x-clawhold-signature"), expected, "a reply must be signed");
    let reply: Value = serde_json::from_slice(&body).unwrap();
    let id = header("idempotency-key");
    let mut by_id = seen.by_id.lock().unwrap();
    let mut spoken = seen.spoken.lock().unwrap();
    if let Some(index) = by_id.get(&id) {
        spoken[*index].times += 1;
        return StatusCode::OK;
    }
    let new = Spoken {
        id: id.clone(),
        room: reply["chat"].as_str().unwrap().parse().unwrap(),
        text: reply["text"].as_str().unwrap().to_owned(),
        at: Instant::now(),
        times: 1,
    };
    seen.answered.send_modify(|answered| answered.extend(new.answers()));
    by_id.insert(id, spoken.len());
    spoken.push(new);
    StatusCode::OK
}
