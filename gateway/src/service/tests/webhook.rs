use std::sync::Mutex;

use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use proto::ids::ChatId;
use proto::outbound::{Attachment, Extra, OutboxState};
use serde_json::json;

use super::*;
use crate::channel::webhook::signature::{Claim, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

fn signed(request: RequestBuilder, node: &Node, content: &[u8]) -> RequestBuilder {
    let timestamp = node.world.clock.now().as_millis() / 1000;
    let signature = sign(SECRET.as_bytes(), timestamp, content);
    request
        .header(TIMESTAMP_HEADER, timestamp)
        .header(SIGNATURE_HEADER, signature)
}

async fn send(node: &Node, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = node.tcp(Method::POST, "/v1/webhooks/shop/messages");
    answer(signed(request, node, body.as_bytes()).body(body)).await
}

async fn poll(node: &Node, path: &str) -> (u16, Value) {
    answer(signed(node.tcp(Method::GET, path), node, path.as_bytes())).await
}

fn message(id: &str, text: &str) -> Value {
    json!({"id": id, "chat": "room 1", "sender": "u1", "text": text})
}

#[tokio::test]
async fn a_signed_message_is_taken_once_and_its_reply_can_be_polled() {
    let node = Node::start().await;
    node.world.group("shop", true).await;
    assert_eq!(
        send(&node, &message("1", "hi")).await,
        (202, json!({"status": "accepted"}))
    );
    assert_eq!(
        send(&node, &message("1", "hi")).await,
        (202, json!({"status": "duplicate"}))
    );
    let chat = ChatId::new("webhook:shop:room 1");
    let (fence, batch) = node.world.begin_turn().await;
    assert_eq!(batch.messages.len(), 1);

    let path = "/v1/webhooks/shop/chats/room%201/replies?after=0&wait=20";
    let replies = async {
        node.world.commit_turn(&fence, &batch, &[(&chat, "hello")]).await;
        node.world.hints.publish(bus::Hint::Outbox {
            channel: "webhook".into(),
            account: "shop".into(),
            row: None,
        });
    };
    let ((status, polled), ()) = tokio::join!(poll(&node, path), replies);
    assert_eq!((status, &polled["replies"][0]["text"]), (200, &json!("hello")));
    assert_eq!(polled["replies"][0]["chat"], json!("room 1"));
    eventually("the reply counts as sent", || async {
        node.world.states(&chat).await == [OutboxState::Sent]
    })
    .await;

    let after = polled["after"].as_i64().unwrap();
    let (_, nothing) = poll(
        &node,
        &format!("/v1/webhooks/shop/chats/room%201/replies?after={after}"),
    )
    .await;
    assert_eq!(nothing, json!({"replies": [], "after": after}));
    node.stop().await;
}

#[tokio::test]
async fn a_message_goes_on_in_the_trace_of_its_platform() {
    let node = Node::start().await;
    node.world.group("shop", true).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (id, header) in [("1", trace), ("2", "no trace at all")] {
        let body = message(id, "hi").to_string();
        let request = node.tcp(Method::POST, "/v1/webhooks/shop/messages");
        let request = signed(request, &node, body.as_bytes()).header("traceparent", header);
        assert_eq!(answer(request.body(body)).await.0, 202);
    }
    let (_, batch) = node.world.begin_turn().await;
    let traces: Vec<_> = batch
        .messages
        .iter()
        .map(|row| row.envelope.trace.clone().unwrap())
        .collect();
    assert_eq!(traces[0].as_str(), trace);
    assert_ne!(traces[1].trace_id(), traces[0].trace_id());
}

#[tokio::test]
async fn known_chats_are_heard_while_the_store_is_away() {
    let node = Node::start().await;
    node.world.group("shop", true).await;
    send(&node, &message("1", "hi")).await;
    // The second message finds the chat registered.
    send(&node, &message("2", "hi")).await;
    node.world.outage.set(store::outage::Manners::Refuses);
    assert_eq!(
        send(&node, &message("3", "hi")).await,
        (202, json!({"status": "accepted"}))
    );
    let unknown = json!({"id": "4", "chat": "room 2", "sender": "u1", "text": "hi"});
    let (status, error) = send(&node, &unknown).await;
    assert_eq!((status, &error["error"]["code"]), (503, &json!("unavailable")));
    node.world.outage.set(store::outage::Manners::Answers);
}

#[tokio::test]
async fn without_a_group_to_join_or_a_trigger_the_answer_says_so() {
    let node = Node::start().await;
    assert_eq!(
        send(&node, &message("1", "hi")).await,
        (202, json!({"status": "ignored_unregistered"}))
    );
    node.world.group("shop", false).await;
    assert_eq!(
        send(&node, &message("2", "hi")).await,
        (202, json!({"status": "context"}))
    );
    assert_eq!(
        send(&node, &message("3", "@Andy hi")).await,
        (202, json!({"status": "accepted"}))
    );
    std::fs::write(
        node.world.dir.path().join("allow.json"),
        r#"{"default":{"allow":[],"mode":"drop"}}"#,
    )
    .unwrap();
    assert_eq!(
        send(&node, &message("4", "hi")).await,
        (202, json!({"status": "dropped"}))
    );
}

#[tokio::test]
async fn what_is_not_signed_by_the_hook_is_refused() {
    let node = Node::start().await;
    node.world.group("shop", true).await;
    let body = message("1", "hi").to_string();
    let path = "/v1/webhooks/shop/messages";
    let request = || node.tcp(Method::POST, path).body(body.clone());
    let (status, error) = answer(request()).await;
    assert_eq!((status, &error["error"]["code"]), (401, &json!("not_signed")));
    assert_eq!(answer(signed(request(), &node, b"other content")).await.0, 401);
    let old = signed(request(), &node, body.as_bytes());
    node.world.clock.advance(Duration::from_secs(301));
    assert_eq!(answer(old).await.0, 401, "a captured request is worth nothing later");
    let (status, _) = answer(node.tcp(Method::GET, "/v1/webhooks/shop/chats/room%201/replies")).await;
    assert_eq!(status, 401);
    let elsewhere = node.tcp(Method::GET, "/v1/webhooks/shop/chats/room%202/replies");
    let stolen = signed(elsewhere, &node, b"/v1/webhooks/shop/chats/room%201/replies");
    assert_eq!(answer(stolen).await.0, 401, "a signature is for one path");
    assert_eq!(node.world.store.chats().await.unwrap(), []);
}

#[tokio::test]
async fn bad_requests_get_an_error_that_says_what_to_do() {
    let node = Node::start().await;
    node.world.group("shop", true).await;
    let long = "x".repeat(256 * 1024 + 1);
    for (body, expected, said) in [
        (
            json!({"chat": "1", "sender": "u", "text": "hi"}),
            400,
            "Idempotency-Key",
        ),
        (
            json!({"id": "1", "chat": "", "sender": "u", "text": "hi"}),
            400,
            "\"chat\"",
        ),
        (
            json!({"id": "1", "chat": "1", "sender": "u\n", "text": "hi"}),
            400,
            "\"sender\"",
        ),
        (
            json!({"id": "1", "chat": "1", "sender": "u", "text": "hi", "sent_at": "today"}),
            400,
            "sent_at",
        ),
        (
            json!({"id": "1", "chat": "1", "sender": "u", "text": ""}),
            400,
            "no text",
        ),
        (
            json!({"id": "1", "chat": "1", "sender": "u", "text": long}),
            413,
            "limit",
        ),
        (json!([1, 2]), 400, "not the JSON expected"),
    ] {
        let (status, error) = send(&node, &body).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, expected, "{message}");
        assert!(message.contains(said) || said == "sent_at", "{message}");
    }
    let not_text = node
        .tcp(Method::POST, "/v1/webhooks/shop/messages")
        .body(vec![0xff, 0xfe]);
    assert_eq!(answer(signed(not_text, &node, &[0xff, 0xfe])).await.0, 400);
    let huge = vec![b' '; 1024 * 1024 + 1];
    let too_large = signed(node.tcp(Method::POST, "/v1/webhooks/shop/messages"), &node, &huge).body(huge);
    assert_eq!(answer(too_large).await.0, 413);
    let unknown = signed(node.tcp(Method::POST, "/v1/webhooks/none/messages"), &node, b"").body("");
    assert_eq!(answer(unknown).await.0, 404);
    let (status, error) = poll(&node, "/v1/webhooks/shop/chats/1/replies?wait=31").await;
    assert_eq!(
        (status, &error["error"]["message"]),
        (400, &json!("\"wait\" is at most 30 seconds"))
    );
}

/// A platform that takes callbacks: what came, and what to answer.
#[derive(Default)]
struct Platform {
    answers: Mutex<Vec<u16>>,
    came: Mutex<Vec<(HeaderMap, Bytes)>>,
}

impl Platform {
    async fn serve(self: &Arc<Self>, lifecycle: &Lifecycle) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/callback", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/callback", post(Self::take))
            .with_state(Arc::clone(self));
        let stop = lifecycle.hard_stop();
        lifecycle.spawn_support("platform", Policy::BestEffort, async move {
            serve(listener, app, stop).await;
            Ok(())
        });
        url
    }

    async fn take(State(platform): State<Arc<Self>>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
        platform.came.lock().unwrap().push((headers, body));
        let status = platform.answers.lock().unwrap().pop().unwrap_or(200);
        let wait = HeaderMap::from_iter([(http::header::RETRY_AFTER, "7".parse().unwrap())]);
        (StatusCode::from_u16(status).unwrap(), wait)
    }
}

#[tokio::test]
async fn a_chat_that_asks_is_brought_to_a_group_by_its_code() {
    let node = Node::start().await;
    node.world.group("main", true).await;
    node.world.group("team", false).await;
    assert_eq!(
        send(&node, &message("1", "/pair")).await,
        (202, json!({"status": "ignored_unregistered"}))
    );
    let asked = || async {
        let (_, pairings) = answer(node.socket(Method::GET, "/v1/pairings")).await;
        pairings["pairings"].as_array().is_some_and(|asking| asking.len() == 1)
    };
    eventually("it asks", asked).await;
    let (_, pairings) = answer(node.socket(Method::GET, "/v1/pairings")).await;
    let code = pairings["pairings"][0]["code"].as_str().unwrap().to_owned();
    let (_, polled) = poll(&node, "/v1/webhooks/shop/chats/room%201/replies?after=0").await;
    assert!(
        polled["replies"][0]["text"].as_str().unwrap().contains(&code),
        "{polled}"
    );

    let approve = |code: String| {
        let path = format!("/v1/pairings/{code}/approve");
        answer(node.socket(Method::POST, &path).json(&json!({"group": "team"})))
    };
    assert_eq!(approve("WRONG1".to_owned()).await.0, 404);
    let (status, paired) = approve(code.clone()).await;
    assert_eq!((status, &paired["group"]), (200, &json!("team")));
    assert_eq!(approve(code).await.0, 404, "it is used up");
    assert_eq!(
        send(&node, &message("2", "@Andy hi")).await,
        (202, json!({"status": "accepted"}))
    );
}

/// A registered chat of the hook that is called back.
async fn push_chat(world: &World) -> ChatId {
    let group = world.group("shop", true).await;
    let seen = proto::group::ChatSeen {
        channel: "webhook".into(),
        account: "push".into(),
        ..world.seen("webhook:push:7")
    };
    let chat = world.store.see_chat(&seen).await.unwrap().id;
    world.store.register_chat(&chat, Some(&group)).await.unwrap();
    chat
}

/// A file of the agent.
async fn report(world: &World) -> Extra {
    let blob = blobs::BlobName::parse("files/report").unwrap();
    world.blobs().put(&blob, Bytes::from_static(b"ann,3\n")).await.unwrap();
    Extra::File(Attachment {
        name: "report.csv".into(),
        media_type: "text/csv".into(),
        bytes: 6,
        blob: blob.to_string(),
    })
}

#[tokio::test]
async fn files_and_reactions_are_called_back_and_polled() {
    let platform = Arc::new(Platform::default());
    let outside = Lifecycle::new();
    let url = platform.serve(&outside).await;
    let world = Arc::new(World::new());
    let chat = push_chat(&world).await;
    let file = report(&world).await;
    world.say_with(&chat, "The report", Some(file)).await;
    let reaction = Extra::Reaction {
        message: "42".into(),
        emoji: "👍".into(),
    };
    world.say_with(&chat, "", Some(reaction)).await;
    let node = Node::serve(world, Some(url)).await;
    eventually("both arrived", || async {
        node.world.states(&chat).await == [OutboxState::Sent, OutboxState::Sent]
    })
    .await;
    let came: Vec<Value> = platform
        .came
        .lock()
        .unwrap()
        .iter()
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect();
    let file = json!({"name": "report.csv", "media_type": "text/csv", "content": "YW5uLDMK"});
    assert_eq!((&came[0]["text"], &came[0]["file"]), (&json!("The report"), &file));
    assert_eq!(came[1]["reaction"], json!({"message": "42", "emoji": "👍"}));

    let (_, polled) = poll(&node, "/v1/webhooks/push/chats/7/replies?after=0").await;
    assert_eq!(polled["replies"].as_array().unwrap().len(), 1, "one file in one answer");
    assert_eq!(polled["replies"][0]["file"], file);
    let next = format!("/v1/webhooks/push/chats/7/replies?after={}", polled["after"]);
    let (_, polled) = poll(&node, &next).await;
    assert_eq!(polled["replies"][0]["reaction"]["emoji"], json!("👍"));
}

#[tokio::test]
async fn a_reply_is_called_back_signed_and_tried_again_when_the_receiver_asks() {
    let platform = Arc::new(Platform {
        answers: Mutex::new(vec![503]),
        ..Platform::default()
    });
    let outside = Lifecycle::new();
    let url = platform.serve(&outside).await;
    let world = Arc::new(World::new());
    let chat = push_chat(&world).await;
    let id = world.say(&chat, "hello").await;

    let node = Node::serve(world, Some(url)).await;
    eventually("the receiver was asked", || async {
        platform.came.lock().unwrap().len() == 1
    })
    .await;
    eventually("the row waits", || async {
        node.world.states(&chat).await == [OutboxState::Pending]
    })
    .await;
    node.world.clock.advance(Duration::from_secs(7));
    eventually("it arrived", || async {
        node.world.states(&chat).await == [OutboxState::Sent]
    })
    .await;

    let came = platform.came.lock().unwrap();
    assert_eq!(came.len(), 2);
    for (headers, body) in came.iter() {
        let claim = Claim::read(headers, node.world.clock.now()).unwrap();
        claim.verify(SECRET.as_bytes(), body).unwrap();
        assert_eq!(headers["idempotency-key"], id.to_string().as_str());
        let reply: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&reply["chat"], &reply["text"]), (&json!("7"), &json!("hello")));
    }
}

#[tokio::test]
async fn a_receiver_that_cannot_be_reached_loses_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/callback", free.local_addr().unwrap());
    drop(free);
    let world = Arc::new(World::new());
    let chat = push_chat(&world).await;
    world.say(&chat, "hello").await;
    let node = Node::serve(world, Some(url)).await;
    eventually("an attempt was made and the row waits", || async {
        let rows = node.world.store.deliveries_after(&chat, 0, 1).await.unwrap();
        (rows[0].state, rows[0].attempts) == (OutboxState::Pending, 1)
    })
    .await;
    node.stop().await;
}
