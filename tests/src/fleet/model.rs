//! A model that answers after a moment, and remembers which sandbox called it when: what an agent really did.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Call;

/// The model.
pub struct InstantModel {
    address: std::net::SocketAddr,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

struct Seen {
    thinks: Mutex<Duration>,
    hurried: Notify,
    calls: Mutex<Vec<Call>>,
}

impl InstantModel {
    /// Serves on a loopback port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            thinks: Mutex::new(Duration::ZERO),
            hurried: Notify::new(),
            calls: Mutex::default(),
        });
        let router = Router::new()
            .route("/v1/messages", post(answer))
            .with_state(Arc::clone(&seen));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen, serving }
    }

    /// The address for `ANTHROPIC_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How long it thinks from now on.
    pub fn thinks(&self, time: Duration) {
        *self.seen.thinks.lock().unwrap() = time;
    }

    /// Answers everybody who waits, however long it meant to think.
    pub fn answer_now(&self) {
        self.seen.hurried.notify_waiters();
    }

    /// Whether it thinks about this message now.
    pub fn thinks_about(&self, number: u64) -> bool {
        let calls = self.seen.calls.lock().unwrap();
        calls
            .iter()
            .any(|call| call.ended.is_none() && call.numbers.contains(&number))
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.seen.calls.lock().unwrap().clone()
    }
}

impl Drop for InstantModel {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Notes the end of a call, also of one whose caller went away: then the handler is dropped.
struct UnderWay {
    seen: Arc<Seen>,
    index: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.seen.calls.lock().unwrap()[self.index].ended = Some(Instant::now());
    }
}

async fn answer(State(seen): State<Arc<Seen>>, Json(request): Json<Value>) -> Json<Value> {
    let who = request["metadata"]["user_id"].as_str().unwrap_or_default().to_owned();
    // Both before the call can be seen: whoever sees it may change its mind about the next one, or hurry this one.
    let thinks = *seen.thinks.lock().unwrap();
    let hurried = seen.hurried.notified();
    let under_way = {
        let mut calls = seen.calls.lock().unwrap();
        let prompt = request["messages"][0]["content"].as_str().unwrap_or_default();
        calls.push(Call::begin(&who, prompt));
        UnderWay {
            seen: Arc::clone(&seen),
            index: calls.len() - 1,
        }
    };
    // Either way it is time to answer.
    let _ = tokio::time::timeout(thinks, hurried).await;
    drop(under_way);
    Json(json!({
        "id": "msg_instant", "type": "message", "role": "assistant", "model": "instant", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "ok" }], "usage": { "input_tokens": 1, "output_tokens": 1 },
    }))
}
