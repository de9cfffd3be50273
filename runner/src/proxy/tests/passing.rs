//! What passes, with which headers, and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Redirect;
use axum::routing::{any, get};
use axum::{Json, Router};
use futures::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::super::send::REQUEST_BYTES_MAX;
use super::super::{Listen, RunToken};
use super::place::{Place, REAL_KEY, error_of, model, upstream};
use crate::mailbox::{Layout, RunDirs};

/// Says what arrived.
async fn mirror(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    Json(json!({ "method": method.as_str(), "uri": uri.to_string(), "headers": headers, "body_bytes": body.len() }))
}

fn mirrors() -> Router {
    Router::new().fallback(any(mirror)).layer(DefaultBodyLimit::disable())
}

#[tokio::test]
async fn the_real_key_takes_the_place_of_the_token_and_the_prefix_is_kept() {
    let mut tasks = JoinSet::new();
    let base = upstream(mirrors(), &mut tasks).await;
    let place = Place::with(&model(&format!("{base}/team/")), tempfile::tempdir().unwrap(), tasks);
    let request = place
        .post("{}")
        .header("anthropic-version", "2023-06-01")
        .header("connection", "keep-alive, x-hop");
    let seen: Value = request.header("x-hop", "1").send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["uri"], "/team/v1/messages?beta=true");
    assert_eq!(seen["headers"]["x-api-key"], REAL_KEY);
    assert_eq!(seen["headers"]["anthropic-version"], "2023-06-01");
    assert_eq!(seen["headers"]["content-length"], "2");
    assert_eq!(seen["headers"]["host"], base.strip_prefix("http://").unwrap());
    assert_eq!(seen["headers"]["x-hop"], Value::Null);
    assert!(!seen.to_string().contains(place.token.expose()), "the token stays here");
    assert!(
        place
            .metrics()
            .contains(r#"clawhold_proxy_requests_total{outcome="Answered"} 1"#),
        "{}",
        place.metrics()
    );
}

#[tokio::test]
async fn nobody_passes_without_the_token_of_this_run() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let place = Place::before(Router::new().fallback(any(move || async move {
        counting.fetch_add(1, Ordering::SeqCst);
    })))
    .await;
    let url = place.url("/v1/messages");
    let of_another_run = RunToken::mint().unwrap();
    let cut = &place.token.expose()[..20];
    for (name, value) in [
        ("x-other", String::new()),
        ("x-api-key", of_another_run.expose().to_owned()),
        ("x-api-key", cut.to_owned()),
        ("authorization", format!("Bearer {REAL_KEY}")),
        ("authorization", place.token.expose().to_owned()),
    ] {
        let response = place.client.post(&url).header(name, value).send().await.unwrap();
        let (status, kind, _) = error_of(response).await;
        assert_eq!((status, kind.as_str()), (401, "authentication_error"), "{name}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the model API was not asked");
    let bearer = place
        .client
        .post(&url)
        .bearer_auth(place.token.expose())
        .send()
        .await
        .unwrap();
    assert_eq!(bearer.status(), 200);
}

#[tokio::test]
async fn only_what_the_sdk_needs_passes() {
    let place = Place::before(mirrors()).await;
    for path in [
        "/v1/oauth/token",
        "/api/oauth/claude_cli/create_api_key",
        "/v1/files",
        "/v1/messages/batches",
    ] {
        let request = place
            .client
            .post(place.url(path))
            .header("x-api-key", place.token.expose());
        let (status, kind, message) = error_of(request.send().await.unwrap()).await;
        assert_eq!((status, kind.as_str()), (403, "permission_error"));
        assert!(message.contains(path), "{message}");
    }
    let hello: Value = place
        .client
        .get(place.url("/api/hello"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        hello["headers"]["x-api-key"],
        Value::Null,
        "it needs no token and gets no key"
    );
    assert_eq!(
        place
            .client
            .head(place.url("/api/hello"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_whether_announced_or_not() {
    let place = Place::before(mirrors()).await;
    let large = Bytes::from(vec![b'x'; 1024 * 1024]);
    let announced = place.post(vec![b'x'; REQUEST_BYTES_MAX + 1]).send().await;
    // The proxy answers without reading on, so the client may see the answer or the closed connection.
    if let Ok(response) = announced {
        assert_eq!(error_of(response).await.0, 413);
    }
    let pieces = (0..40).map(move |_| Ok::<_, std::io::Error>(large.clone()));
    let streamed = place
        .post(reqwest::Body::wrap_stream(stream::iter(pieces)))
        .send()
        .await;
    if let Ok(response) = streamed {
        assert_eq!(error_of(response).await.0, 413);
    }
    let refused = place.metrics();
    assert!(
        refused.contains(r#"clawhold_proxy_requests_total{outcome="Refused"} 2"#),
        "{refused}"
    );
    let fits: Value = place
        .post(vec![b'x'; REQUEST_BYTES_MAX])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(fits["body_bytes"], REQUEST_BYTES_MAX);
}

#[tokio::test]
async fn an_unreachable_api_is_reported_as_such() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let place = Place::with(&model(&base), tempfile::tempdir().unwrap(), JoinSet::new());
    let (status, kind, message) = error_of(place.post("{}").send().await.unwrap()).await;
    assert_eq!((status, kind.as_str()), (502, "api_error"));
    assert!(message.contains("127.0.0.1 cannot be reached"), "{message}");
    assert!(!message.contains(REAL_KEY));
}

#[tokio::test]
async fn redirects_and_errors_are_passed_on_as_they_are() {
    let router = Router::new()
        .route(
            "/v1/messages",
            any(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "slow down") }),
        )
        .route(
            "/v1/models",
            get(|_: Uri| async { Redirect::temporary("http://elsewhere.example/") }),
        );
    let place = Place::before(router).await;
    let limited = place.post("{}").send().await.unwrap();
    assert_eq!(
        (
            limited.status().as_u16(),
            limited.headers()["retry-after"].to_str().unwrap()
        ),
        (429, "7")
    );
    assert_eq!(limited.text().await.unwrap(), "slow down");
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let moved = client
        .get(place.url("/v1/models"))
        .header("x-api-key", place.token.expose())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()),
        (307, "http://elsewhere.example/")
    );
}

#[tokio::test]
async fn without_a_credential_the_answer_says_what_to_set() {
    let mut tasks = JoinSet::new();
    let mut model = model(&upstream(mirrors(), &mut tasks).await);
    model.api_key = None;
    let place = Place::with(&model, tempfile::tempdir().unwrap(), tasks);
    assert!(!place.proxies.credentials().is_configured());
    let (status, _, message) = error_of(place.post("{}").send().await.unwrap()).await;
    assert!(status == 401 && message.contains("ANTHROPIC_API_KEY"), "{message}");
}

#[tokio::test]
async fn it_listens_on_a_socket_in_the_run_directory() {
    let mut place = Place::before(mirrors()).await;
    let runs = RunDirs::open(place.data.path(), 1000).unwrap();
    let run = runs
        .create(&"main".parse().unwrap(), proto::ids::Epoch(1), Layout::Own)
        .unwrap();
    let (handle, serving) = place.proxies.open(Listen::Socket(&run), place.token.clone()).unwrap();
    place.tasks.spawn(serving);
    let mut stream = tokio::net::UnixStream::connect(run.in_dir().join("proxy.sock"))
        .await
        .unwrap();
    let head = "GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: ";
    stream
        .write_all(format!("{head}{}\r\n\r\n", place.token.expose()).as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(REAL_KEY),
        "{answer}"
    );
    drop(handle);
    let socket = run.in_dir().join("proxy.sock");
    super::place::until(|| std::os::unix::net::UnixStream::connect(&socket).is_err()).await;
}

#[test]
fn nothing_printable_shows_a_secret() {
    let token = RunToken::mint().unwrap();
    assert!(!format!("{token:?}").contains(token.expose()));
    assert_ne!(token.expose(), RunToken::mint().unwrap().expose());
}
