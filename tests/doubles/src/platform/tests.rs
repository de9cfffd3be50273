use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// Counts what it executes, and echoes what comes over a socket.
#[derive(Default)]
struct Counting(AtomicU64);

#[async_trait]
impl Platform for Counting {
    async fn answer(&self, call: Call) -> Answer {
        let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let parts = parse_multipart(&call).await.unwrap_or_default();
        Answer::json(
            StatusCode::OK,
            &json!({ "count": count, "q": call.query.get("q"), "parts": parts.len() }),
        )
    }

    fn busy(&self, _call: &Call, retry_after: Duration) -> Answer {
        Answer::empty(StatusCode::TOO_MANY_REQUESTS).header("retry-after", retry_after.as_secs())
    }

    fn websocket(&self, call: &Call) -> Option<SocketHandler> {
        (call.path == "/socket").then(|| -> SocketHandler {
            Box::new(|mut socket| {
                Box::pin(async move {
                    while let Some(Ok(Message::Text(text))) = socket.next().await {
                        let _ = socket.send(Message::Text(text)).await;
                    }
                })
            })
        })
    }

    fn is_effect(&self, call: &Call) -> bool {
        call.path == "/send"
    }
}

struct Subject {
    platform: Arc<Counting>,
    faults: Arc<Faults>,
    running: RunningPlatform,
    client: reqwest::Client,
}

async fn subject() -> Subject {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (platform, faults) = (Arc::new(Counting::default()), Arc::new(Faults::default()));
    let running = start(Arc::clone(&platform), Arc::clone(&faults)).await.unwrap();
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    Subject {
        platform,
        faults,
        running,
        client,
    }
}

impl Subject {
    async fn send(&self) -> reqwest::Result<StatusCode> {
        let answer = self
            .client
            .post(format!("{}/send?q=a%20b", self.running.url()))
            .send()
            .await?;
        let status = answer.status();
        answer.bytes().await?;
        Ok(StatusCode::from_u16(status.as_u16()).unwrap())
    }

    fn executed(&self) -> u64 {
        self.platform.0.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn every_fault_tells_the_truth_about_whether_the_call_was_executed() {
    let subject = subject().await;
    let second = Duration::from_secs(1);
    let cases = [
        (Fault::Busy(second), Some(429)),
        (Fault::Broken(StatusCode::BAD_GATEWAY), Some(502)),
        (Fault::BrokenAfter(StatusCode::BAD_GATEWAY), Some(502)),
        (Fault::ResetBefore, None),
        (Fault::LostAnswer, None),
        (Fault::ResetInBody, None),
        (Fault::Slow(Duration::from_millis(5)), Some(200)),
    ];
    for (fault, status) in cases {
        let before = subject.executed();
        subject.faults.next("/send", fault);
        let seen = subject.send().await.ok().map(|status| status.as_u16());
        assert_eq!(seen, status, "{fault:?}");
        assert_eq!(subject.executed() > before, fault.is_executed(), "{fault:?}");
    }
    assert_eq!(subject.send().await.unwrap(), 200, "faults are met once");
    assert_eq!(subject.running.call_count(), 8);
    assert_eq!(subject.running.calls()[0].query["q"], "a b");
}

#[tokio::test]
async fn the_same_seed_breaks_the_same_calls_and_only_effects() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let subject = subject().await;
        subject.faults.mix(7, Mix::HOSTILE);
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(subject.send().await.ok());
        }
        let looked = subject
            .client
            .get(format!("{}/look", subject.running.url()))
            .send()
            .await;
        assert!(looked.unwrap().status().is_success());
        runs.push((seen, subject.faults.met()));
    }
    assert!(runs[0].1["lost_answer"] > 0 && runs[0].1["busy"] > 0);
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_stopped_platform_refuses_connections_and_comes_back_with_its_state() {
    let subject = subject().await;
    subject.send().await.unwrap();
    subject.running.stop().await;
    assert!(subject.send().await.unwrap_err().is_connect());
    subject.running.start_again().await.unwrap();
    subject.send().await.unwrap();
    assert_eq!(subject.executed(), 2);
}

#[tokio::test]
async fn a_socket_is_served_until_the_platform_stops() {
    let subject = subject().await;
    let stream = TcpStream::connect(subject.running.address()).await.unwrap();
    let url = format!("{}/socket", subject.running.socket_url());
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    subject.running.stop().await;
    let ended = tokio::time::timeout(Duration::from_secs(5), socket.next()).await;
    assert!(!matches!(ended, Ok(Some(Ok(Message::Text(_))))));
    assert!(ended.is_ok(), "the socket was not cut");
}

#[tokio::test]
async fn multipart_bodies_are_taken_apart() {
    let subject = subject().await;
    let body = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\ncontent-disposition: form-data; \
                name=\"f\"; filename=\"n.txt\"\r\ncontent-type: text/plain\r\n\r\nhello\r\n--x--\r\n";
    let sent = subject
        .client
        .post(format!("{}/send", subject.running.url()))
        .header("content-type", "multipart/form-data; boundary=x")
        .body(body)
        .send()
        .await
        .unwrap();
    let answer: serde_json::Value = sent.json().await.unwrap();
    assert_eq!(answer["parts"], 2);
}

#[tokio::test]
async fn a_push_reaches_a_webhook_and_reports_its_answer() {
    let subject = subject().await;
    let mut headers = http::HeaderMap::new();
    headers.insert("x-secret", http::HeaderValue::from_static("s"));
    let url = format!("{}/hook?q=1", subject.running.url());
    let pushed = push(http::Method::POST, &url, headers, "{}").await.unwrap();
    assert_eq!(pushed.status, StatusCode::OK);
    let call = subject.running.calls().remove(0);
    assert_eq!((call.header("x-secret"), &*call.body), (Some("s"), b"{}".as_slice()));
    subject.running.stop().await;
    assert!(
        push(http::Method::POST, &url, http::HeaderMap::new(), "")
            .await
            .is_err()
    );
}
