//! The Events API: events as signed requests to the app's own address.

use std::io;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;

use super::Event;
use crate::platform::{Pushed, push};
use crate::slack::{SIGNING_SECRET, Slack};

/// The signature of a request body, as Slack computes it.
#[must_use]
pub fn signature(secret: &str, timestamp: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

impl Slack {
    /// Sends events to this address as they come, again when they are not taken within the time allowed, until it is dropped.
    /// One at a time: several gateways behind one address see what one sees.
    pub async fn deliver_events_to(&self, url: &str) {
        loop {
            let (event, arrived) = {
                let mut state = self.state();
                (state.events.waiting.pop_front(), Arc::clone(&state.events.arrived))
            };
            match event {
                Some(event) => self.deliver(url, event).await,
                None => arrived.notified().await,
            }
        }
    }

    async fn deliver(&self, url: &str, event: Event) {
        let retries = self.state().events.retries.clone();
        if let Some(wait) = event.failed.checked_sub(1).and_then(|index| retries.waits.get(index)) {
            tokio::time::sleep(*wait).await;
        }
        let retry = (event.failed > 0).then_some((event.failed, event.reason));
        let pushed = tokio::time::timeout(retries.patience, self.post_signed(url, &event.payload, retry)).await;
        let mut state = self.state();
        match pushed {
            Ok(Ok(answer)) if answer.status.is_success() => state.events.acknowledged += 1,
            Ok(Ok(_)) => state.events.failed(event, "http_error"),
            Ok(Err(_)) => state.events.failed(event, "connection_failed"),
            Err(_) => state.events.failed(event, "http_timeout"),
        }
    }

    /// Asks the address to prove that it is ours, as the app's settings do when it is entered.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn verify_url(&self, url: &str) -> io::Result<bool> {
        let challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
        let body = json!({ "token": "verification-token", "challenge": challenge, "type": "url_verification" });
        let answer = self.post_signed(url, &body, None).await?;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        let in_json = serde_json::from_str::<Value>(&said)
            .ok()
            .and_then(|value| Some(value["challenge"].as_str()? == challenge));
        Ok(answer.status == StatusCode::OK && (said == challenge || in_json == Some(true)))
    }

    /// Sends one body with Slack's headers, signed now.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn post_signed(
        &self,
        url: &str,
        body: &Value,
        retry: Option<(usize, &'static str)>,
    ) -> io::Result<Pushed> {
        let body = body.to_string();
        let timestamp = self.clock().now_s();
        let signature = signature(SIGNING_SECRET, timestamp, &body);
        self.post_with(url, body, timestamp, &signature, retry).await
    }

    /// As [`Slack::post_signed`], with any timestamp and signature.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn post_with(
        &self,
        url: &str,
        body: String,
        timestamp: u64,
        signature: &str,
        retry: Option<(usize, &'static str)>,
    ) -> io::Result<Pushed> {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
            headers.insert(HeaderName::from_static(name), value);
            io::Result::Ok(())
        };
        set("content-type", "application/json")?;
        set("x-slack-request-timestamp", &timestamp.to_string())?;
        set("x-slack-signature", signature)?;
        if let Some((number, reason)) = retry {
            set("x-slack-retry-num", &number.to_string())?;
            set("x-slack-retry-reason", reason)?;
        }
        push(Method::POST, url, headers, body).await
    }

    /// Sets how patient Slack is, for events from now on.
    pub fn set_retries(&self, patience: Duration, waits: &[Duration]) {
        self.state().events.retries = super::Retries {
            patience,
            waits: waits.to_vec(),
        };
    }
}
