use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::*;
use crate::discord::{Acknowledged, RateLimits};

#[tokio::test]
async fn a_nonce_makes_one_message_for_a_few_minutes() {
    let subject = subject().await;
    let body = json!({ "content": "once", "nonce": "n-1", "enforce_nonce": true });
    let (status, first) = subject.send(body.clone()).await;
    assert_eq!((status, &first["nonce"]), (StatusCode::OK, &json!("n-1")));
    let (status, again) = subject.send(body.clone()).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &first["id"]));
    assert_eq!(subject.discord.messages(subject.channel).len(), 1);

    // Who reads it later does not see the nonce.
    let path = format!("channels/{}/messages", subject.channel);
    let (_, page) = subject.call(Method::GET, &path, None).await;
    assert_eq!(page[0]["nonce"], Value::Null);

    subject.send(json!({ "content": "not enforced", "nonce": "n-1" })).await;
    assert_eq!(subject.discord.messages(subject.channel).len(), 2);
    subject.discord.clock().advance(Duration::from_secs(6 * 60));
    subject.send(body).await;
    assert_eq!(subject.discord.messages(subject.channel).len(), 3);
}

#[tokio::test]
async fn errors_have_discords_codes() {
    let subject = subject().await;
    subject.discord.set_rate_limits(RateLimits::none());
    let (discord, channel) = (&subject.discord, subject.channel);
    let code = |(status, body): (StatusCode, Value)| (status.as_u16(), body["code"].as_u64().unwrap());
    assert_eq!(
        code(subject.send(json!({ "content": "x".repeat(2_001) })).await),
        (400, 50035)
    );
    assert_eq!(code(subject.send(json!({ "content": "  \n " })).await), (400, 50006));
    let long_nonce = json!({ "content": "x", "nonce": "n".repeat(26) });
    assert_eq!(code(subject.send(long_nonce).await), (400, 50035));
    let reply = json!({ "content": "x", "message_reference": { "message_id": "1" } });
    assert_eq!(code(subject.send(reply).await), (400, 50035));
    discord.hide(channel, true);
    assert_eq!(code(subject.send(json!({ "content": "x" })).await), (403, 50001));
    discord.delete_channel(channel);
    assert_eq!(code(subject.send(json!({ "content": "x" })).await), (404, 10003));

    let dm = format!("channels/{}/messages", discord.dm(subject.ada));
    discord.refuse_dms(subject.ada);
    let refused = subject.call(Method::POST, &dm, Some(json!({ "content": "x" }))).await;
    assert_eq!(code(refused), (403, 50007));
    discord.revoke_token();
    assert_eq!(code(subject.call(Method::GET, "users/@me", None).await), (401, 0));
}

#[tokio::test]
async fn limits_are_told_and_kept() {
    let subject = subject().await;
    for left in (0..5).rev() {
        let url = format!(
            "{}/api/v10/channels/{}/messages",
            subject.running.url(),
            subject.channel
        );
        let request = subject
            .client
            .post(url)
            .header("authorization", format!("Bot {}", subject.discord.token()));
        let answer = request.json(&json!({ "content": "x" })).send().await.unwrap();
        assert_eq!(answer.headers()["x-ratelimit-limit"], "5");
        assert_eq!(answer.headers()["x-ratelimit-remaining"], left.to_string().as_str());
    }
    let (status, body) = subject.send(json!({ "content": "x" })).await;
    assert_eq!(
        (status, &body["global"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!(false))
    );
    let wait = body["retry_after"].as_f64().unwrap();
    assert!(wait > 0.0 && wait <= 5.0, "{wait}");
    subject.discord.clock().advance(Duration::from_secs(5));
    assert_eq!(subject.send(json!({ "content": "x" })).await.0, StatusCode::OK);

    subject.discord.set_rate_limits(RateLimits {
        global: (1, Duration::from_secs(1)),
        ..RateLimits::default()
    });
    subject.discord.clock().advance(Duration::from_secs(5));
    subject.call(Method::GET, "users/@me", None).await;
    let (status, body) = subject.call(Method::GET, "users/@me", None).await;
    assert_eq!((status, &body["global"]), (StatusCode::TOO_MANY_REQUESTS, &json!(true)));
}

#[tokio::test]
async fn history_is_read_in_pages() {
    let subject = subject().await;
    let ids: Vec<u64> = (0..5)
        .map(|n| subject.discord.say(subject.channel, subject.ada, &n.to_string()))
        .collect();
    let page = async |query: String| {
        let path = format!("channels/{}/messages?{query}", subject.channel);
        let (_, page) = subject.call(Method::GET, &path, None).await;
        let texts = page
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["content"].as_str().unwrap().to_owned());
        texts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(page(format!("after={}&limit=2", ids[1])).await, "3 2");
    assert_eq!(page(format!("before={}&limit=2", ids[3])).await, "2 1");
    assert_eq!(page(format!("around={}&limit=3", ids[2])).await, "3 2 1");
    assert_eq!(page("limit=1".to_owned()).await, "4");
}

#[tokio::test]
async fn files_go_up_in_parts_and_come_down_by_perishable_links() {
    let subject = subject().await;
    let payload = json!({ "content": "see", "attachments": [{ "id": 0, "filename": "a.txt" }] });
    let file = Part::bytes(b"hello".to_vec())
        .file_name("a.txt")
        .mime_str("text/plain")
        .unwrap();
    let form = Form::new()
        .text("payload_json", payload.to_string())
        .part("files[0]", file);
    let url = format!(
        "{}/api/v10/channels/{}/messages",
        subject.running.url(),
        subject.channel
    );
    let request = subject
        .client
        .post(url)
        .header("authorization", format!("Bot {}", subject.discord.token()));
    let answer: Value = request.multipart(form).send().await.unwrap().json().await.unwrap();
    let link = answer["attachments"][0]["url"].as_str().unwrap();
    let got = subject.client.get(link).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "text/plain");
    assert_eq!(got.bytes().await.unwrap().as_ref(), b"hello");
    subject.discord.clock().advance(Duration::from_secs(25 * 3_600));
    assert_eq!(
        subject.client.get(link).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn who_is_pinged_is_what_was_allowed() {
    let subject = subject().await;
    let text = format!("@everyone <@{}>", subject.ada);
    subject.send(json!({ "content": text })).await;
    subject
        .send(json!({ "content": text, "allowed_mentions": { "parse": ["users"] } }))
        .await;
    subject
        .send(json!({ "content": text, "allowed_mentions": { "parse": [] } }))
        .await;
    let sent = subject.discord.messages(subject.channel);
    let pinged: Vec<_> = sent
        .iter()
        .map(|sent| (sent.mentions_everyone, sent.mentions.len()))
        .collect();
    assert_eq!(pinged, [(true, 1), (false, 1), (false, 0)]);
}

#[tokio::test]
async fn a_command_is_acknowledged_once_and_in_time() {
    let subject = subject().await;
    let path = format!("applications/{}/commands", subject.discord.bot());
    let wanted = json!([{ "name": "status", "description": "How it stands" }]);
    assert_eq!(subject.call(Method::PUT, &path, Some(wanted)).await.0, StatusCode::OK);
    assert_eq!(subject.discord.commands(), ["status"]);

    let answer = json!({ "type": 4, "data": { "content": "taken", "flags": 64 } });
    let id = subject.discord.command(subject.channel, subject.ada, "status", None);
    let path = format!("interactions/{id}/interaction-token-{id}/callback");
    let (status, _) = subject.call(Method::POST, &path, Some(answer.clone())).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let taken = Acknowledged {
        text: "taken".to_owned(),
        is_private: true,
    };
    assert_eq!(subject.discord.acknowledged(id), Some(taken));
    assert_eq!(
        subject.call(Method::POST, &path, Some(answer.clone())).await.1["code"],
        40060
    );

    let late = subject.discord.command(subject.channel, subject.ada, "status", None);
    subject.discord.clock().advance(Duration::from_secs(4));
    let path = format!("interactions/{late}/interaction-token-{late}/callback");
    assert_eq!(subject.call(Method::POST, &path, Some(answer)).await.1["code"], 10062);
}

#[tokio::test]
async fn reactions_need_a_real_emoji() {
    let subject = subject().await;
    let message = subject.discord.say(subject.channel, subject.ada, "hi");
    let path = |emoji: &str| format!("channels/{}/messages/{message}/reactions/{emoji}/@me", subject.channel);
    let (status, _) = subject.call(Method::PUT, &path("%F0%9F%91%8D"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(subject.discord.reactions(subject.channel, message), ["👍"]);
    subject.discord.clock().advance(Duration::from_secs(1));
    assert_eq!(
        subject.call(Method::PUT, &path("thumbsup"), None).await.1["code"],
        10014
    );
}
