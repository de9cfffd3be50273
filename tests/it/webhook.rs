//! A chat platform that signs its requests: taken once, answered once, and told what is wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{Receiver, World, sign};

const SECRET: &str = "0123456789abcdef-stand-in";

/// A world with the hook `shop`, whose chats join a group of that name that needs no trigger.
async fn shop(callback: Option<&Receiver>) -> World {
    let callback = callback.map_or_else(String::new, |receiver| {
        format!("callback_url = \"{}\"\n", receiver.url())
    });
    World::builder()
        .config(format!(
            "[channels.webhook.shop]\nsecret = \"{SECRET}\"\ngroup = \"shop\"\n{callback}"
        ))
        .open_group("shop")
        .start()
        .await
}

fn message(id: &str, text: &str) -> String {
    json!({ "id": id, "chat": "room 1", "sender": "u7", "sender_name": "Mia", "text": text }).to_string()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A request signed at `at`; returns its status and JSON.
async fn post_at(world: &World, hook: &str, body: String, at: u64, secret: &str) -> (StatusCode, Value) {
    let signature = sign(secret, &at.to_string(), body.as_bytes());
    let request = reqwest::Client::new()
        .post(format!("{}/v1/webhooks/{hook}/messages", world.http()))
        .header("x-clawhold-timestamp", at)
        .header("x-clawhold-signature", signature)
        .body(body);
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn post(world: &World, body: String) -> (StatusCode, Value) {
    post_at(world, "shop", body, now(), SECRET).await
}

/// Waits for replies to the room after a position.
async fn poll(world: &World, after: i64) -> Value {
    let path = format!("/v1/webhooks/shop/chats/room%201/replies?after={after}&wait=30");
    let at = now().to_string();
    let request = reqwest::Client::new()
        .get(format!("{}{path}", world.http()))
        .header("x-clawhold-timestamp", &at)
        .header("x-clawhold-signature", sign(SECRET, &at, path.as_bytes()));
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_is_answered_by_a_signed_callback_that_a_busy_receiver_gets_again() {
    let receiver = Receiver::start(SECRET, 2).await;
    let world = shop(Some(&receiver)).await;
    let (status, said) = post(&world, message("1", "hello")).await;
    assert_eq!((status.as_u16(), &said["status"]), (202, &json!("accepted")));
    world
        .until("the callback to be taken", async || !receiver.taken().is_empty())
        .await;
    let received = receiver.received();
    let statuses: Vec<_> = received.iter().map(|callback| callback.answered).collect();
    assert_eq!(
        statuses,
        [503, 503, 200],
        "asked again until it was taken, and not once more"
    );
    for callback in &received {
        assert!(callback.signed);
        assert_eq!(callback.reply["id"], callback.key, "the header is the reply's id");
        assert_eq!(
            (&callback.reply["chat"], &callback.reply["text"]),
            (&json!("room 1"), &json!("echo: hello"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_message_is_the_same_message() {
    let world = shop(None).await;
    let (_, first) = post(&world, message("1", "hello")).await;
    let (status, second) = post(&world, message("1", "hello")).await;
    assert_eq!(
        (&first["status"], &second["status"]),
        (&json!("accepted"), &json!("duplicate"))
    );
    assert_eq!(status, StatusCode::ACCEPTED, "a duplicate is a success for its sender");
    let replies = poll(&world, 0).await;
    assert_eq!(replies["replies"].as_array().unwrap().len(), 1, "{replies}");
    post(&world, message("1", "hello")).await;
    post(&world, message("2", "again")).await;
    let replies = poll(&world, replies["after"].as_i64().unwrap()).await;
    assert_eq!(replies["replies"][0]["text"], "echo: again", "{replies}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_shows_the_replies_after_a_position_and_no_other_chat() {
    let world = shop(None).await;
    post(&world, message("1", "hello")).await;
    let replies = poll(&world, 0).await;
    assert_eq!(replies["replies"][0]["text"], "echo: hello", "{replies}");
    assert_eq!(replies["after"], replies["replies"][0]["seq"]);
    assert_eq!(poll(&world, 0).await, replies, "the same question has the same answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said_and_what_to_do() {
    let world = shop(None).await;
    let good = || message("1", "hello");
    let huge = message("1", &"x".repeat(1024 * 1024));
    let cases = [
        (
            post_at(&world, "shop", good(), now(), "another secret, as long").await,
            401,
            "does not match",
        ),
        (
            post_at(&world, "shop", good(), now() - 3_600, SECRET).await,
            401,
            "check the clock",
        ),
        (
            post_at(&world, "nobody", good(), now(), SECRET).await,
            404,
            "[channels.webhook.<name>]",
        ),
        (post(&world, huge).await, 413, "send less"),
        (post(&world, message("1", &"x".repeat(300 * 1024))).await, 413, "bytes"),
        (post(&world, "{\"id\": ".to_owned()).await, 400, "not the JSON expected"),
        (post(&world, "[]".to_owned()).await, 400, "not the JSON expected"),
        (
            post(&world, good().replace("\"id\":\"1\",", "")).await,
            400,
            "Idempotency-Key",
        ),
    ];
    for ((status, said), expected, hint) in cases {
        let text = said["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status.as_u16(), expected, "{said}");
        assert!(
            text.contains(hint) && said["error"]["code"].is_string(),
            "{hint:?}: {said}"
        );
    }
    assert_eq!(
        world.api("GET", "/v1/status", None).await["counts"]["waiting_groups"],
        0,
        "nothing was taken"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_callback_the_receiver_can_tell_the_repetition_by_its_key() {
    let receiver = Receiver::start(SECRET, 0).await;
    let mut world = shop(Some(&receiver)).await;
    world.stop().await;
    world.run(Some("delivery.after-send"));
    world.ready().await;
    post(&world, message("1", "hello")).await;
    world.ended().await;
    world.run(None);
    world.ready().await;
    world
        .until("nothing to be on its way", async || {
            let counts = world.api("GET", "/v1/status", None).await["counts"].clone();
            counts["outbox_pending"] == 0 && counts["outbox_uncertain"] == 0
        })
        .await;
    let received = receiver.received();
    assert!((1..=2).contains(&received.len()), "{received:?}");
    assert!(
        received
            .iter()
            .all(|callback| callback.signed
                && (&callback.key, &callback.reply) == (&received[0].key, &received[0].reply)),
        "one reply, known by its key: {received:?}"
    );
}
