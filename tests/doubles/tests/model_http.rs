//! The model double over real HTTP: what it answers, what it refuses, and how it breaks when told to.

#![allow(clippy::unwrap_used)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at the double while its own request is under way"
)]

use std::time::Duration;

use doubles::{
    ApiError, Auth, Credentials, DEMO_API_KEY, Fault, ModelDouble, OauthAccount, RateLimit, Reply, Rule, Running,
    Script, Usage, echo_script,
};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// Generous, because it is only waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

fn client() -> Client {
    // The client wants a TLS provider even when it only speaks plain HTTP. A second installation is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(PATIENCE).build().unwrap()
}

fn hello(stream: bool) -> Value {
    json!({
        "model": "claude-x", "max_tokens": 1_000, "stream": stream,
        "messages": [{ "role": "user", "content": "hello" }],
        "tools": [{ "name": "Bash", "input_schema": { "type": "object" } }],
    })
}

fn post(double: &Running, body: &Value) -> RequestBuilder {
    let url = format!("{}/v1/messages?beta=true", double.base_url());
    client()
        .post(url)
        .header("anthropic-version", "2023-06-01")
        .header("x-api-key", DEMO_API_KEY)
        .json(body)
}

async fn start(reply: Reply) -> Running {
    ModelDouble::start(Script::new(move |_| reply.clone())).await.unwrap()
}

async fn error_of(response: Response, status: u16, kind: &str) -> String {
    assert_eq!(response.status().as_u16(), status);
    let id = response.headers()["request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], kind, "{body}");
    assert_eq!(body["request_id"], id);
    body["error"]["message"].as_str().unwrap().to_owned()
}

/// The `data` of each event, after checking that the event's name agrees.
fn events(text: &str) -> Vec<Value> {
    let parse = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: ").unwrap(), data["type"].as_str().unwrap());
        data
    };
    text.split_terminator("\n\n").map(parse).collect()
}

#[tokio::test]
async fn stream_has_the_events_of_the_api_in_order() {
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 9,
        cache_read_input_tokens: 3,
        ..Usage::default()
    };
    let input = json!({ "command": "echo 'a rather long command — with ünïcode'" });
    let double = start(
        Reply::text("Let me look at that for you.")
            .with_tool("Bash", input.clone())
            .with_usage(usage),
    )
    .await;
    let response = post(&double, &hello(true)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    let events = events(&response.text().await.unwrap());

    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    assert_eq!(
        kinds,
        [
            &["message_start", "ping"][..],
            &block,
            &block,
            &["message_delta", "message_stop"]
        ]
        .concat()
    );

    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 7);
    assert_eq!(events[0]["message"]["usage"]["cache_read_input_tokens"], 3);
    let join = |key: &str| -> String { events.iter().filter_map(|event| event["delta"][key].as_str()).collect() };
    assert_eq!(join("text"), "Let me look at that for you.");
    assert_eq!(serde_json::from_str::<Value>(&join("partial_json")).unwrap(), input);
    let end = &events[events.len() - 2];
    assert_eq!(
        (&end["delta"]["stop_reason"], &end["usage"]["output_tokens"]),
        (&json!("tool_use"), &json!(9))
    );
}

#[tokio::test]
async fn tool_use_ids_are_never_the_same_twice() {
    let double = start(Reply::tool("Bash", json!({ "command": "ls" }))).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let body: Value = post(&double, &hello(false)).send().await.unwrap().json().await.unwrap();
        assert_eq!(
            (&body["stop_reason"], &body["content"][0]["name"]),
            (&json!("tool_use"), &json!("Bash"))
        );
        ids.push(body["content"][0]["id"].as_str().unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| id.starts_with("toolu_")));
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn answer_is_cut_at_max_tokens() {
    let double = start(Reply::text("x".repeat(100))).await;
    let mut body = hello(false);
    body["max_tokens"] = json!(5);
    let answer: Value = post(&double, &body).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&answer["stop_reason"], &answer["content"][0]["text"]),
        (&json!("max_tokens"), &json!("x".repeat(20)))
    );
}

#[tokio::test]
async fn other_endpoints_answer_as_the_api_does() {
    let double = start(Reply::text("hi")).await;
    let url = |path: &str| format!("{}{path}", double.base_url());
    assert!(
        client()
            .head(url("/api/hello"))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    assert!(
        client()
            .get(url("/api/hello"))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    error_of(
        client().get(url("/v1/nothing")).send().await.unwrap(),
        404,
        "not_found_error",
    )
    .await;
    error_of(
        client().get(url("/v1/messages")).send().await.unwrap(),
        405,
        "invalid_request_error",
    )
    .await;
    let count = post(&double, &hello(false)).build().unwrap();
    let count = client()
        .post(url("/v1/messages/count_tokens"))
        .headers(count.headers().clone())
        .json(&hello(false));
    let count: Value = count.send().await.unwrap().json().await.unwrap();
    assert!(count["input_tokens"].as_u64().unwrap() > 10);
    let mut unknown = hello(true);
    unknown["model"] = json!("gpt-x");
    error_of(post(&double, &unknown).send().await.unwrap(), 404, "not_found_error").await;
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_recorded() {
    let credentials = Credentials {
        oauth_tokens: vec!["right".to_owned()],
        ..Credentials::api_key("key")
    };
    let double = ModelDouble::new(echo_script())
        .credentials(credentials)
        .listen()
        .await
        .unwrap();
    let ask = |headers: &[(&'static str, &'static str)]| {
        let mut request = client()
            .post(format!("{}/v1/messages", double.base_url()))
            .json(&hello(false));
        request = request.header("anthropic-version", "2023-06-01");
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let beta = ("anthropic-beta", "claude-code-20250219,oauth-2025-04-20");
    for (headers, message) in [
        (&[][..], "x-api-key header is required"),
        (&[("x-api-key", "sandbox-token")], "invalid x-api-key"),
        (
            &[("authorization", "Bearer right")],
            "OAuth authentication is currently not supported.",
        ),
        (&[("authorization", "Bearer wrong"), beta], "Invalid bearer token"),
    ] {
        assert_eq!(
            error_of(ask(headers).send().await.unwrap(), 401, "authentication_error").await,
            message
        );
    }
    assert!(ask(&[("x-api-key", "key")]).send().await.unwrap().status().is_success());
    assert!(
        ask(&[("authorization", "Bearer right"), beta])
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let seen = double.requests();
    assert_eq!(seen[1].auth, Auth::Refused("invalid x-api-key".to_owned()));
    assert_eq!(seen[1].headers["x-api-key"], "sandbox-token");
    assert_eq!((&seen[4].auth, &seen[5].auth), (&Auth::ApiKey, &Auth::Oauth));
}

#[tokio::test]
async fn malformed_requests_are_refused_with_the_reason() {
    let double = start(Reply::text("hi")).await;
    let result = json!({ "type": "tool_result", "tool_use_id": "toolu_1", "content": "x" });
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {} });
    let (user, assistant) = (
        json!({ "role": "user", "content": "x" }),
        json!({ "role": "assistant", "content": [call] }),
    );
    for (key, value, needle) in [
        ("model", Value::Null, "model: Field required"),
        ("max_tokens", Value::Null, "max_tokens: Field required"),
        ("max_tokens", json!(0), "greater than or equal to 1"),
        ("messages", Value::Null, "messages: Field required"),
        ("messages", json!([]), "at least one message"),
        (
            "messages",
            json!([{ "role": "robot", "content": "x" }]),
            "Unexpected role",
        ),
        (
            "messages",
            json!([{ "role": "user", "content": [result] }]),
            "unexpected `tool_use_id`",
        ),
        (
            "messages",
            json!([user, assistant, user]),
            "without `tool_result` blocks",
        ),
        ("messages", json!([assistant]), "first message must use"),
        ("messages", json!([{ "role": "user", "content": "" }]), "non-empty"),
    ] {
        let mut body = hello(true);
        body[key] = value;
        let message = error_of(post(&double, &body).send().await.unwrap(), 400, "invalid_request_error").await;
        assert!(message.contains(needle), "{key}: {message}");
    }
    let mut body = hello(false);
    body["messages"] = json!([user, assistant, { "role": "user", "content": [result] }]);
    assert!(post(&double, &body).send().await.unwrap().status().is_success());
    let broken = post(&double, &Value::Null).body("{\"model\":").send().await.unwrap();
    assert!(
        error_of(broken, 400, "invalid_request_error")
            .await
            .contains("not valid JSON")
    );
    let versionless = client()
        .post(format!("{}/v1/messages", double.base_url()))
        .header("x-api-key", DEMO_API_KEY);
    let message = error_of(
        versionless.json(&hello(false)).send().await.unwrap(),
        400,
        "invalid_request_error",
    )
    .await;
    assert_eq!(message, "anthropic-version: header is required");
}

#[tokio::test]
async fn body_beyond_32_mb_is_too_large() {
    let double = start(Reply::text("hi")).await;
    let body = vec![b' '; 32 * 1024 * 1024 + 1];
    error_of(
        post(&double, &Value::Null).body(body).send().await.unwrap(),
        413,
        "request_too_large",
    )
    .await;
    assert!(post(&double, &hello(false)).send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn rate_limit_says_when_to_come_back() {
    let limit = RateLimit {
        requests: 1,
        window: Duration::from_secs(3_600),
    };
    let double = ModelDouble::new(echo_script())
        .rate_limit(limit)
        .listen()
        .await
        .unwrap();
    let first = post(&double, &hello(false)).send().await.unwrap();
    assert_eq!(first.headers()["anthropic-ratelimit-requests-remaining"], "0");
    let second = post(&double, &hello(false)).send().await.unwrap();
    let wait: u64 = second.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&wait), "{wait}");
    assert!(second.headers().contains_key("anthropic-ratelimit-requests-reset"));
    assert_eq!(second.headers()["x-should-retry"], "true");
    error_of(second, 429, "rate_limit_error").await;
}

#[tokio::test]
async fn scripted_errors_end_after_as_many_as_told() {
    let script = Script::rules(
        vec![Rule::text_contains("hello", Reply::text("ok"))],
        Reply::text("other"),
    );
    let script = script
        .failing_first(1, ApiError::overloaded())
        .failing_first(1, ApiError::rate_limited(Duration::from_millis(1)));
    let double = ModelDouble::start(script).await.unwrap();
    let first = post(&double, &hello(true)).send().await.unwrap();
    assert_eq!(first.headers()["retry-after"], "1");
    error_of(first, 429, "rate_limit_error").await;
    error_of(
        post(&double, &hello(true)).send().await.unwrap(),
        529,
        "overloaded_error",
    )
    .await;
    let third: Value = post(&double, &hello(false)).send().await.unwrap().json().await.unwrap();
    assert_eq!(third["content"][0]["text"], "ok");
    let seen: Vec<u16> = double
        .requests()
        .iter()
        .map(|request| request.status.unwrap().as_u16())
        .collect();
    assert_eq!(seen, [429, 529, 200]);
}

/// Sends one request over a bare socket and reads to the end: the bytes, and the error that ended them.
async fn raw(double: &Running, body: &Value) -> (String, Option<std::io::ErrorKind>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(double.address()).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nanthropic-version: 2023-06-01\r\nx-api-key: {DEMO_API_KEY}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut received))
        .await
        .unwrap();
    (
        String::from_utf8(received).unwrap(),
        ended.err().map(|error| error.kind()),
    )
}

#[tokio::test]
async fn faults_break_the_answer_where_the_script_says() {
    let reset = Some(std::io::ErrorKind::ConnectionReset);
    // (fault, what ends the bytes, whether the body is whole as HTTP, whether the answer began)
    for (fault, error, whole, begun) in [
        (Fault::ResetBeforeHeaders, reset, false, false),
        (Fault::ResetAfter(3), reset, false, true),
        (Fault::HangUpAfter(3), None, false, true),
        (Fault::TruncateAfter(3), None, true, true),
        (Fault::ErrorAfter(3, ApiError::overloaded()), None, true, true),
    ] {
        let case = format!("{fault:?}");
        let double = start(Reply::text("hello").with_fault(fault)).await;
        let (bytes, ended) = raw(&double, &hello(true)).await;
        assert_eq!(ended, error, "{case}");
        assert_eq!(bytes.ends_with("0\r\n\r\n"), whole, "{case}: {bytes}");
        assert_eq!(bytes.contains("event: content_block_start"), begun, "{case}: {bytes}");
        assert_eq!(bytes.contains("event: error"), case.starts_with("ErrorAfter"), "{case}");
        assert!(!bytes.contains("message_stop"), "{case}");
    }
}

#[tokio::test]
async fn stalled_answer_waits_for_its_release_and_later_ones_pass() {
    for reply in [
        Reply::text("hi").stalled("gate"),
        Reply::text("hi").stalled_after(2, "gate"),
    ] {
        let double = start(reply).await;
        let answer = tokio::spawn(post(&double, &hello(true)).send());
        double.wait_stalled("gate", PATIENCE).await.unwrap();
        assert!(double.wait_stalled("other", Duration::ZERO).await.is_err());
        double.release("gate");
        let text = answer.await.unwrap().unwrap().text().await.unwrap();
        assert!(text.contains("message_stop"));
        assert!(post(&double, &hello(true)).send().await.unwrap().status().is_success());
    }
}

#[tokio::test]
async fn client_that_leaves_does_not_wait_any_more() {
    let double = start(Reply::text("hi").stalled("gate")).await;
    let answer = tokio::spawn(post(&double, &hello(true)).send());
    double.wait_stalled("gate", PATIENCE).await.unwrap();
    answer.abort();
    let gone = async {
        while double.wait_stalled("gate", Duration::ZERO).await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn slow_answer_takes_its_time() {
    let double = start(
        Reply::text("hi")
            .delayed(Duration::from_millis(30))
            .dripping(Duration::from_millis(10)),
    )
    .await;
    let began = tokio::time::Instant::now();
    let text = post(&double, &hello(true)).send().await.unwrap().text().await.unwrap();
    let frames = u32::try_from(events(&text).len()).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(30) + frames * Duration::from_millis(10));
}

#[tokio::test]
async fn oauth_tokens_are_renewed_and_expire() {
    let account = OauthAccount {
        refresh_token: "refresh-1".to_owned(),
        access_lifetime: Duration::from_secs(3_600),
        rotates_refresh_token: true,
    };
    let double = ModelDouble::new(echo_script())
        .credentials(Credentials::oauth_account(account))
        .listen()
        .await
        .unwrap();
    let renew = async |token: &str| {
        let body = json!({ "grant_type": "refresh_token", "refresh_token": token, "client_id": "x" });
        let response = client()
            .post(format!("{}/v1/oauth/token", double.base_url()))
            .json(&body)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let ask = async |token: &str| {
        let request = client()
            .post(format!("{}/v1/messages", double.base_url()))
            .bearer_auth(token)
            .json(&hello(false));
        request
            .header("anthropic-version", "2023-06-01")
            .header("anthropic-beta", "oauth-2025-04-20")
            .send()
            .await
            .unwrap()
    };
    let (status, wrong) = renew("refresh-0").await;
    assert_eq!((status, &wrong["error"]), (400, &json!("invalid_grant")));
    let (status, first) = renew("refresh-1").await;
    assert_eq!((status, &first["expires_in"]), (200, &json!(3_600)));
    let access = first["access_token"].as_str().unwrap();
    assert!(ask(access).await.status().is_success());
    double.expire_access_tokens();
    assert!(
        error_of(ask(access).await, 401, "authentication_error")
            .await
            .contains("expired")
    );
    assert_eq!(renew("refresh-1").await.0, 400, "it was replaced");
    let (_, second) = renew(first["refresh_token"].as_str().unwrap()).await;
    assert!(
        ask(second["access_token"].as_str().unwrap())
            .await
            .status()
            .is_success()
    );
}

#[tokio::test]
async fn recorded_requests_are_bounded_and_can_be_waited_for() {
    let double = ModelDouble::new(echo_script()).requests_kept(2).listen().await.unwrap();
    for _ in 0..3 {
        post(&double, &hello(false)).send().await.unwrap();
    }
    let numbers: Vec<u64> = double.requests().iter().map(|request| request.number).collect();
    assert_eq!((numbers, double.request_count()), (vec![1, 2], 3));
    let answered = |seen: &[doubles::RecordedRequest]| {
        seen.iter()
            .any(|request| request.number == 3 && request.status.is_some())
    };
    let late = tokio::spawn(post(&double, &hello(false)).send());
    let seen = double.wait_for(answered, PATIENCE).await.unwrap();
    let last = seen.last().unwrap();
    assert!(last.is_turn() && last.body_contains("hello"));
    assert_eq!((last.path.as_str(), last.query.as_str()), ("/v1/messages", "beta=true"));
    late.await.unwrap().unwrap();
    let error = double.wait_for(|_| false, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("POST /v1/messages 200"), "{error}");
}

#[tokio::test]
async fn stop_and_drop_free_the_port_even_while_answers_stall() {
    for stop in [true, false] {
        let double = start(Reply::text("hi").stalled("gate")).await;
        let address = double.address();
        let answer = tokio::spawn(post(&double, &hello(true)).send());
        double.wait_stalled("gate", PATIENCE).await.unwrap();
        if stop {
            tokio::time::timeout(PATIENCE, double.stop()).await.unwrap()
        } else {
            drop(double)
        }
        assert!(answer.await.unwrap().is_err());
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
