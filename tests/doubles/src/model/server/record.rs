//! The requests a double has received, newest last, within a bound.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::credentials::Auth;

/// One received request.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Counts all requests of this double from 0, forgotten ones included.
    pub number: u64,
    /// When the request was complete.
    pub at: Instant,
    /// HTTP method.
    pub method: Method,
    /// Path without the query.
    pub path: String,
    /// Query without the question mark, empty when there is none.
    pub query: String,
    /// All headers, credentials included: tests check what reached the outside.
    pub headers: HeaderMap,
    /// Whether the credentials were right.
    pub auth: Auth,
    /// The body; `Null` when it was empty or no JSON.
    pub body: Arc<Value>,
    /// Size of the body in bytes.
    pub body_bytes: usize,
    /// Status of the answer, once its head was sent.
    pub status: Option<StatusCode>,
}

impl RecordedRequest {
    /// Whether this is a request for a message that offers tools, that is, a step of an agent's turn.
    #[must_use]
    pub fn is_turn(&self) -> bool {
        self.path == "/v1/messages" && self.body["tools"].as_array().is_some_and(|tools| !tools.is_empty())
    }

    /// Whether the body's text holds `needle`, in JSON's escaping.
    #[must_use]
    pub fn body_contains(&self, needle: &str) -> bool {
        self.body.to_string().contains(needle)
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    pub(super) requests: usize,
    pub(super) bytes: usize,
}

pub(super) struct Recorder {
    keep: Keep,
    ring: Mutex<Ring>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Ring {
    requests: VecDeque<RecordedRequest>,
    bytes: usize,
    next: u64,
}

impl Recorder {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            ring: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Keeps a request, forgetting the oldest ones beyond the bound; returns its number.
    pub(super) fn record(&self, mut request: RecordedRequest) -> u64 {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let number = ring.next;
        request.number = number;
        ring.next += 1;
        ring.bytes += request.body_bytes;
        ring.requests.push_back(request);
        while ring.requests.len() > self.keep.requests || ring.bytes > self.keep.bytes {
            let Some(forgotten) = ring.requests.pop_front() else {
                break;
            };
            ring.bytes -= forgotten.body_bytes;
        }
        drop(ring);
        self.changed.send_replace(());
        number
    }

    /// Notes the status of an answer.
    pub(super) fn answered(&self, number: u64, status: StatusCode) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(request) = ring.requests.iter_mut().rev().find(|request| request.number == number) {
            request.status = Some(status);
        }
        drop(ring);
        self.changed.send_replace(());
    }

    /// The number of requests received so far.
    pub(super) fn count(&self) -> u64 {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    /// Looks at the kept requests.
    pub(super) fn look<T>(&self, at: impl FnOnce(&[RecordedRequest]) -> T) -> T {
        at(self
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requests
            .make_contiguous())
    }

    /// Waits until the predicate holds of the kept requests.
    pub(super) async fn wait_for(&self, predicate: impl Fn(&[RecordedRequest]) -> bool) {
        let mut changes = self.changed.subscribe();
        // The sender lives in `self`: `changed` cannot fail, and a change between the look and the wait is not missed.
        while !self.look(&predicate) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
