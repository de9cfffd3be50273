//! `watch`, and Cloud Pub/Sub, which pushes what a watch tells until it is told 2xx.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::double::GmailDouble;
use super::error::GoogleError;
use crate::platform::push;

/// How long a watch lasts.
const WATCH_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

#[derive(Default)]
pub(super) struct Watch {
    pub(super) topic: Option<String>,
    pub(super) ends_ms: u64,
    /// The change that was pushed and taken last.
    pub(super) told: u64,
    count: u64,
}

pub(super) fn watch(double: &GmailDouble, body: &Value) -> Result<Value, GoogleError> {
    let topic = body["topicName"].as_str().unwrap_or_default();
    let parts: Vec<&str> = topic.split('/').collect();
    if !matches!(parts[..], ["projects", _, "topics", _]) {
        return Err(GoogleError::invalid(
            "Invalid topicName does not match projects/<project>/topics/*",
        ));
    }
    let history_id = double.state().history_id;
    let mut watch = double.watch_state();
    watch.topic = Some(topic.to_owned());
    watch.ends_ms = double.clock.now_ms() + WATCH_MS;
    watch.told = history_id;
    Ok(json!({ "historyId": history_id.to_string(), "expiration": watch.ends_ms.to_string() }))
}

impl GmailDouble {
    /// Whether the mailbox is watched now.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let watch = self.watch_state();
        watch.topic.is_some() && self.clock.now_ms() < watch.ends_ms
    }

    /// Pushes what was not taken yet to a subscription's address, once; what it answered. None: there is nothing to tell.
    ///
    /// # Errors
    /// When nobody answers there: it is to be pushed again.
    pub async fn push_to(&self, url: &str) -> io::Result<Option<StatusCode>> {
        let history_id = self.state().history_id;
        let message_id = {
            let mut watch = self.watch_state();
            if watch.topic.is_none() || self.clock.now_ms() >= watch.ends_ms || history_id <= watch.told {
                return Ok(None);
            }
            watch.count += 1;
            watch.count
        };
        let data = json!({ "emailAddress": self.address(), "historyId": history_id });
        let body = json!({
            "message": {
                "data": STANDARD.encode(data.to_string()),
                "messageId": message_id.to_string(),
                "publishTime": "2026-11-28T18:00:00.000Z",
            },
            "subscription": "projects/stand-in/subscriptions/gmail",
        });
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let answered = push(Method::POST, url, headers, body.to_string()).await?;
        if answered.status.is_success() {
            self.watch_state().told = history_id;
        }
        Ok(Some(answered.status))
    }
}
