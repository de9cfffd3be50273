//! The people in a chat, as the real client behaves: post until taken, show each reply once, acknowledge it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A reply somebody saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Position in the chat.
    pub seq: i64,
    /// Identity.
    pub id: String,
    /// The text.
    pub text: String,
    /// When it was shown.
    pub at: Instant,
}

/// The people of one chat.
pub struct People {
    chat: String,
    client: reqwest::Client,
    shown: Arc<Mutex<Vec<Reply>>>,
    progress: Arc<Mutex<Vec<Value>>>,
    listening: JoinHandle<()>,
}

impl People {
    /// Joins a chat; listens over restarts of the node until dropped.
    pub fn join(socket: &Path, group: &str) -> Self {
        let client = client(socket);
        let chat = format!("cli:{group}");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::new(Mutex::new(Vec::new()));
        let listening = tokio::spawn(listen(
            client.clone(),
            chat.clone(),
            Arc::clone(&shown),
            Arc::clone(&progress),
        ));
        Self {
            chat,
            client,
            shown,
            progress,
            listening,
        }
    }

    /// Says something, with the same id until the node has taken it.
    pub async fn say(&self, text: &str) {
        self.start_saying(text).await.unwrap();
    }

    /// Begins to say something; the task ends when the node has taken it.
    pub fn start_saying(&self, text: &str) -> JoinHandle<()> {
        let url = format!("http://node/v1/chats/{}/messages", self.chat);
        let body = json!({ "id": unique(), "text": text });
        tokio::spawn(post_until_taken(self.client.clone(), url, body))
    }

    /// The replies shown so far, in order of arrival.
    pub fn shown(&self) -> Vec<Reply> {
        self.shown.lock().unwrap().clone()
    }

    /// Their texts.
    pub fn texts(&self) -> Vec<String> {
        self.shown().into_iter().map(|reply| reply.text).collect()
    }

    /// What was shown while the agent worked.
    pub fn progress(&self) -> Vec<Value> {
        self.progress.lock().unwrap().clone()
    }

    /// Whether everything said here is answered and everything answered has arrived; false while the node is away.
    pub async fn is_settled(&self) -> bool {
        let url = format!("http://node/v1/chats/{}/state", self.chat);
        let Ok(answer) = self.client.get(url).send().await else {
            return false;
        };
        let state: Value = answer.json().await.unwrap_or_default();
        state["unanswered"] == 0 && state["undelivered"] == 0
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// A client of the node's socket.
pub(crate) fn client(socket: &Path) -> reqwest::Client {
    install_tls();
    // The socket may not exist yet; every request connects afresh if it must.
    reqwest::Client::builder()
        .unix_socket(PathBuf::from(socket))
        .build()
        .unwrap()
}

/// One TLS implementation per process, as in the binary; a second installation changes nothing.
pub(crate) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn listen(
    client: reqwest::Client,
    chat: String,
    shown: Arc<Mutex<Vec<Reply>>>,
    progress: Arc<Mutex<Vec<Value>>>,
) {
    loop {
        let after = shown
            .lock()
            .unwrap()
            .iter()
            .map(|reply: &Reply| reply.seq)
            .max()
            .unwrap_or(0);
        let url = format!("http://node/v1/chats/{chat}/events?after={after}");
        if let Ok(answer) = client.get(url).send().await
            && answer.status().is_success()
        {
            follow(&client, &chat, answer, &shown, &progress).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn follow(
    client: &reqwest::Client,
    chat: &str,
    answer: reqwest::Response,
    shown: &Mutex<Vec<Reply>>,
    progress: &Mutex<Vec<Value>>,
) {
    let mut stream = answer.bytes_stream();
    let mut buffer = Vec::new();
    while let Some(Ok(chunk)) = stream.next().await {
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let event: Value = serde_json::from_slice(&line).unwrap();
            if event["type"] != "reply" {
                progress.lock().unwrap().push(event);
                continue;
            }
            let reply = Reply {
                seq: event["seq"].as_i64().unwrap(),
                id: event["id"].as_str().unwrap().to_owned(),
                text: event["text"].as_str().unwrap().to_owned(),
                at: Instant::now(),
            };
            {
                let mut shown = shown.lock().unwrap();
                if !shown.iter().any(|known| known.id == reply.id) {
                    shown.push(reply.clone());
                }
            }
            let url = format!("http://node/v1/chats/{chat}/acks");
            // Not acknowledged means that it comes again, and is known by its id.
            let _ = client.post(url).json(&json!({ "id": reply.id })).send().await;
        }
    }
}

async fn post_until_taken(client: reqwest::Client, url: String, body: Value) {
    for _ in 0..600 {
        match client.post(&url).json(&body).send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) if answer.status().is_client_error() => panic!("refused: {}", answer.text().await.unwrap()),
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("the node did not take a message within a minute");
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    format!(
        "{nanos}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
