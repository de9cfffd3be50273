//! The stand-in, held against what Slack's documents promise.

mod calls;
mod signed;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{APP_TOKEN, BOT_TOKEN, Slack};
use crate::platform::{Faults, RunningPlatform, start};

/// Far above what anything here takes.
const LONG: Duration = Duration::from_secs(20);

struct Subject {
    slack: Slack,
    running: RunningPlatform,
    client: reqwest::Client,
    channel: String,
    ada: String,
}

async fn subject() -> Subject {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let slack = Slack::new("Andy");
    let channel = slack.add_channel("general");
    let ada = slack.add_user("Ada");
    let running = start(Arc::new(slack.clone()), Arc::new(Faults::default()))
        .await
        .unwrap();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    Subject {
        slack,
        running,
        client,
        channel,
        ada,
    }
}

impl Subject {
    /// Calls a method as the bot, with JSON.
    async fn call(&self, method: &str, body: Value) -> Value {
        self.call_as(BOT_TOKEN, method, body).await
    }

    async fn call_as(&self, token: &str, method: &str, body: Value) -> Value {
        let url = format!("{}/api/{method}", self.running.url());
        let answer = self
            .client
            .post(url)
            .bearer_auth(token)
            .json(&body)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// Calls a method that reads, with a query.
    async fn read(&self, method: &str, query: &[(&str, &str)]) -> Value {
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{}/api/{method}?{}", self.running.url(), pairs.join("&"));
        let answer = self.client.get(url).bearer_auth(BOT_TOKEN).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn send(&self, text: &str) -> Value {
        self.call("chat.postMessage", json!({ "channel": self.channel, "text": text }))
            .await
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}
