use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::platform::{Fault, Faults, RunningPlatform, start};

const TOKEN: &str = "4242:secret";
const SOON: Duration = Duration::from_secs(10);

struct World {
    telegram: Arc<TelegramDouble>,
    faults: Arc<Faults>,
    running: RunningPlatform,
    client: reqwest::Client,
    ann: User,
}

async fn world() -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (telegram, faults) = (Arc::new(TelegramDouble::new()), Arc::new(Faults::default()));
    telegram.add_bot(TOKEN, "andy_bot");
    let running = start(Arc::clone(&telegram), Arc::clone(&faults)).await.unwrap();
    World {
        telegram,
        faults,
        running,
        client: reqwest::Client::new(),
        ann: User::new(7, "Ann"),
    }
}

impl World {
    async fn call(&self, method: &str, params: Value) -> Value {
        let url = format!("{}/bot{TOKEN}/{method}", self.running.url());
        let answer = self.client.post(url).json(&params).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["ok"], status == 200);
        body
    }

    async fn send(&self, chat: i64, text: &str) -> Value {
        self.call("sendMessage", json!({ "chat_id": chat, "text": text })).await
    }

    async fn updates(&self, offset: i64) -> Vec<Value> {
        let body = self.call("getUpdates", json!({ "offset": offset, "timeout": 5 })).await;
        serde_json::from_value(body["result"].clone()).unwrap()
    }
}

#[tokio::test]
async fn updates_stay_until_a_later_offset_acknowledges_them() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    world.telegram.say(chat, &world.ann, "one");
    let first = world.updates(0).await;
    assert_eq!(first[0]["message"]["text"], "one");
    assert_eq!(world.updates(0).await, first);
    let next = first[0]["update_id"].as_i64().unwrap() + 1;
    world.telegram.say(chat, &world.ann, "two");
    assert_eq!(world.updates(next).await[0]["message"]["text"], "two");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_update() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    let (updates, ()) = tokio::join!(world.updates(0), async {
        world.telegram.say(chat, &world.ann, "hello");
    });
    assert_eq!(updates.len(), 1);
}

#[tokio::test]
async fn a_second_poller_ends_the_first_and_a_webhook_ends_both() {
    let world = world().await;
    let poll = || world.call("getUpdates", json!({ "timeout": 20 }));
    let waits = json!({ "timeout": 0 });
    let (first, _) = tokio::join!(poll(), async {
        while world.running.call_count() == 0 {
            tokio::task::yield_now().await;
        }
        world.call("getUpdates", waits.clone()).await
    });
    assert_eq!(first["error_code"], 409);
    world
        .call("setWebhook", json!({ "url": "https://example.org/hook" }))
        .await;
    let refused = world.call("getUpdates", waits).await;
    assert!(refused["description"].as_str().unwrap().contains("webhook is active"));
}

#[tokio::test]
async fn formatting_is_parsed_and_length_counts_what_is_left() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    let send = |text: String, mode: &'static str| {
        world.call(
            "sendMessage",
            json!({ "chat_id": chat, "text": text, "parse_mode": mode }),
        )
    };
    let html = "<b>a &lt; <i>b</i></b> <pre><code class=\"language-rust\">x</code></pre>";
    let sent = send(html.into(), "HTML").await;
    assert_eq!(sent["result"]["text"], "a < b x");
    assert_eq!(
        sent["result"]["entities"],
        json!([
            { "type": "italic", "offset": 4, "length": 1 },
            { "type": "bold", "offset": 0, "length": 5 },
            { "type": "pre", "offset": 6, "length": 1, "language": "rust" },
        ])
    );
    send("*bold* \\. [l](http://x)".into(), "MarkdownV2").await;
    assert_eq!(world.telegram.sent(chat)[1].text, "bold . l");
    let units = "😀".repeat(2_048);
    assert_eq!(send(format!("<b>{units}</b>"), "HTML").await["ok"], true);
    let too_long = send(format!("{units}x"), "HTML").await;
    assert_eq!(too_long["description"], "Bad Request: message is too long");
}

#[tokio::test]
async fn broken_formatting_is_refused_in_telegrams_words() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    let cases = [
        ("HTML", "<b>x", "Can't find end tag corresponding to start tag \"b\""),
        (
            "HTML",
            "<b>x</i>",
            "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"",
        ),
        ("HTML", "a <x>", "Unsupported start tag \"x\" at byte offset 2"),
        ("HTML", "a </b>", "Unexpected end tag at byte offset 2"),
        (
            "MarkdownV2",
            "a.",
            "Character '.' is reserved and must be escaped with the preceding '\\'",
        ),
        ("MarkdownV2", "*a", "Can't find end of Bold entity at byte offset 0"),
    ];
    for (mode, text, why) in cases {
        let body = world
            .call(
                "sendMessage",
                json!({ "chat_id": chat, "text": text, "parse_mode": mode }),
            )
            .await;
        assert_eq!(body["description"], format!("Bad Request: can't parse entities: {why}"));
    }
    assert!(world.telegram.sent(chat).is_empty());
}

#[tokio::test]
async fn chats_refuse_who_is_not_welcome_and_say_where_they_went() {
    let world = world().await;
    let private = world.telegram.private(&world.ann);
    world.telegram.remove(TOKEN, private);
    assert_eq!(
        world.send(private, "x").await["description"],
        "Forbidden: bot was blocked by the user"
    );
    assert_eq!(world.send(1, "x").await["description"], "Bad Request: chat not found");
    let group = world.telegram.group("Club");
    let moved = world.telegram.migrate(group, &world.ann);
    assert_eq!(world.send(group, "x").await["parameters"]["migrate_to_chat_id"], moved);
    assert_eq!(world.send(moved, "x").await["ok"], true);
    world.telegram.revoke(TOKEN, true);
    assert_eq!(world.call("getMe", json!({})).await["error_code"], 401);
}

#[tokio::test]
async fn topics_hold_their_own_messages() {
    let world = world().await;
    let forum = world.telegram.forum("Club");
    let topic = world.telegram.topic(forum, "Cats", &world.ann);
    let send = |thread| {
        world.call(
            "sendMessage",
            json!({ "chat_id": forum, "text": "x", "message_thread_id": thread }),
        )
    };
    assert_eq!(send(topic).await["result"]["message_thread_id"], topic);
    assert_eq!(send(99).await["description"], "Bad Request: message thread not found");
}

#[tokio::test]
async fn a_group_takes_twenty_messages_a_minute() {
    let world = world().await;
    world.telegram.limit_rate(true);
    let group = world.telegram.supergroup("Club");
    let mut taken = 0;
    let refused = loop {
        let body = world.send(group, "x").await;
        match body["ok"].as_bool().unwrap() {
            true => taken += 1,
            false if taken < 20 => world.telegram.clock().advance(Duration::from_secs(1)),
            false => break body,
        }
    };
    assert_eq!((taken, &refused["error_code"]), (20, &json!(429)));
    let wait = refused["parameters"]["retry_after"].as_u64().unwrap();
    world.telegram.clock().advance(Duration::from_secs(wait));
    assert_eq!(world.send(group, "x").await["ok"], true);
}

#[tokio::test]
async fn files_come_and_go_up_to_their_limits() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    let small = Post::file("document", Some("a.txt"), Some("text/plain"), "hello");
    world.telegram.post_as(chat, &world.ann, &small);
    world
        .telegram
        .post_as(chat, &world.ann, &small.clone().claimed_size(21 * 1024 * 1024));
    let updates = world.updates(0).await;
    let get = |index: usize| {
        world.call(
            "getFile",
            json!({ "file_id": updates[index]["message"]["document"]["file_id"] }),
        )
    };
    let path = get(0).await["result"]["file_path"].as_str().unwrap().to_owned();
    let url = format!("{}/file/bot{TOKEN}/{path}", world.running.url());
    assert_eq!(
        world.client.get(url).send().await.unwrap().text().await.unwrap(),
        "hello"
    );
    assert_eq!(get(1).await["description"], "Bad Request: file is too big");
    let body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"chat_id\"\r\n\r\n{chat}\r\n--x\r\ncontent-disposition: \
         form-data; name=\"document\"; filename=\"b.txt\"\r\n\r\nback\r\n--x--\r\n"
    );
    let url = format!("{}/bot{TOKEN}/sendDocument", world.running.url());
    let form = "multipart/form-data; boundary=x";
    let sent = world
        .client
        .post(url)
        .header("content-type", form)
        .body(body)
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success());
    let file = world.telegram.sent(chat).remove(0).file.unwrap();
    assert_eq!(
        (&*file.kind, &*file.name, &*file.content),
        ("document", "b.txt", b"back".as_slice())
    );
}

#[tokio::test]
async fn webhooks_get_the_secret_and_an_update_until_it_is_taken() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    let url = format!("{}/file/bot{TOKEN}/nowhere", world.running.url());
    world
        .call("setWebhook", json!({ "url": url, "secret_token": "s-1" }))
        .await;
    world.telegram.say(chat, &world.ann, "hello");
    assert_eq!(world.telegram.push_update(TOKEN).await.unwrap(), 404);
    let info = world.call("getWebhookInfo", json!({})).await;
    assert_eq!(info["result"]["pending_update_count"], 1);
    let pushed = world
        .running
        .calls()
        .into_iter()
        .find(|call| call.path.contains("nowhere"))
        .unwrap();
    assert_eq!(pushed.header("x-telegram-bot-api-secret-token"), Some("s-1"));
}

#[tokio::test]
async fn an_executed_call_with_a_lost_answer_is_seen_by_people() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    world.faults.next("/sendMessage", Fault::LostAnswer);
    let url = format!("{}/bot{TOKEN}/sendMessage?chat_id={chat}&text=x", world.running.url());
    assert!(world.client.get(url).send().await.is_err());
    world.telegram.wait_sent(chat, SOON, |sent| sent.len() == 1).await;
    world.faults.next("/sendMessage", Fault::Busy(Duration::from_secs(3)));
    assert_eq!(world.send(chat, "y").await["parameters"]["retry_after"], 3);
}

#[tokio::test]
async fn edits_and_reactions_are_checked() {
    let world = world().await;
    let chat = world.telegram.private(&world.ann);
    let said = world.telegram.say(chat, &world.ann, "hello");
    let sent = world.send(chat, "x").await["result"]["message_id"].clone();
    let edit = |id: Value, text| {
        world.call(
            "editMessageText",
            json!({ "chat_id": chat, "message_id": id, "text": text }),
        )
    };
    assert_eq!(edit(sent.clone(), "y").await["ok"], true);
    assert!(
        edit(sent, "y").await["description"]
            .as_str()
            .unwrap()
            .contains("not modified")
    );
    assert_eq!(
        edit(json!(said), "y").await["description"],
        "Bad Request: message can't be edited"
    );
    let react = |emoji| {
        let reaction = json!([{ "type": "emoji", "emoji": emoji }]);
        world.call(
            "setMessageReaction",
            json!({ "chat_id": chat, "message_id": said, "reaction": reaction }),
        )
    };
    assert_eq!(react("👍").await["ok"], true);
    for invalid in ["🦀", "❤\u{fe0f}"] {
        assert_eq!(react(invalid).await["description"], "Bad Request: REACTION_INVALID");
    }
    assert_eq!(world.telegram.reactions(chat), [(said, Some("👍".to_owned()))]);
}
