use bytes::Bytes;

use super::*;
use crate::slack::Said;

#[tokio::test]
async fn errors_are_words_in_an_answer_of_status_200() {
    let subject = subject().await;
    let foreign = subject.slack.add_foreign_channel("elsewhere");
    let cases = [
        (json!({ "channel": "C404", "text": "x" }), "channel_not_found"),
        (json!({ "channel": foreign, "text": "x" }), "not_in_channel"),
        (json!({ "channel": subject.channel }), "no_text"),
        (
            json!({ "channel": subject.channel, "text": "x".repeat(40_001) }),
            "msg_too_long",
        ),
        (
            json!({ "channel": subject.channel, "text": "x", "metadata": { "event_type": "a" } }),
            "invalid_metadata_format",
        ),
    ];
    for (body, error) in cases {
        let answer = subject.call("chat.postMessage", body).await;
        assert_eq!((&answer["ok"], &answer["error"]), (&json!(false), &json!(error)));
    }
    let wrong = subject.call_as("xoxb-wrong", "auth.test", json!({})).await;
    assert_eq!(wrong["error"], "invalid_auth");
    let bots = subject.call("apps.connections.open", json!({})).await;
    assert_eq!(bots["error"], "not_allowed_token_type");
    subject.slack.revoke_token();
    assert_eq!(subject.send("x").await["error"], "token_revoked");
}

#[tokio::test]
async fn history_is_read_backwards_by_pages_and_threads_forwards() {
    let subject = subject().await;
    let said: Vec<String> = ["1", "2", "3"]
        .iter()
        .map(|text| subject.slack.say(&subject.channel, &subject.ada, text))
        .collect();
    subject.slack.reply(&subject.channel, &subject.ada, &said[0], "1a");
    let first = subject
        .read(
            "conversations.history",
            &[("channel", &subject.channel), ("limit", "2")],
        )
        .await;
    let texts = |answer: &Value| -> Vec<String> {
        let messages = answer["messages"].as_array().unwrap().iter();
        messages
            .map(|message| message["text"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts(&first), ["3", "2"]);
    let cursor = first["response_metadata"]["next_cursor"].as_str().unwrap();
    let query = [
        ("channel", subject.channel.as_str()),
        ("limit", "2"),
        ("cursor", cursor),
    ];
    assert_eq!(texts(&subject.read("conversations.history", &query).await), ["1"]);
    let after = [("channel", subject.channel.as_str()), ("oldest", &said[1])];
    assert_eq!(texts(&subject.read("conversations.history", &after).await), ["3"]);
    let thread = [("channel", subject.channel.as_str()), ("ts", &said[0])];
    assert_eq!(
        texts(&subject.read("conversations.replies", &thread).await),
        ["1", "1a"]
    );
}

#[tokio::test]
async fn what_an_app_notes_with_a_message_is_read_back_when_asked_for() {
    let subject = subject().await;
    let metadata = json!({ "event_type": "delivery", "event_payload": { "id": "7" } });
    let body = json!({ "channel": subject.channel, "text": "hello", "metadata": metadata });
    assert_eq!(subject.call("chat.postMessage", body).await["ok"], true);
    let plain = subject
        .read("conversations.history", &[("channel", &subject.channel)])
        .await;
    assert!(plain["messages"][0]["metadata"].is_null());
    let query = [("channel", subject.channel.as_str()), ("include_all_metadata", "true")];
    let whole = subject.read("conversations.history", &query).await;
    assert_eq!(whole["messages"][0]["metadata"], metadata);
    assert_eq!(subject.slack.messages(&subject.channel)[0].metadata, Some(metadata));
}

#[tokio::test]
async fn methods_that_read_do_not_look_at_json() {
    let subject = subject().await;
    let answer = subject
        .call("conversations.info", json!({ "channel": subject.channel }))
        .await;
    assert_eq!(answer["error"], "channel_not_found");
    let answer = subject
        .read("conversations.info", &[("channel", &subject.channel)])
        .await;
    assert_eq!(answer["channel"]["name"], "general");
}

#[tokio::test]
async fn a_file_is_announced_uploaded_and_shared_and_only_the_bot_may_fetch_it() {
    let subject = subject().await;
    let begun = subject
        .read("files.getUploadURLExternal", &[("filename", "a.txt"), ("length", "5")])
        .await;
    let early = json!({ "files": [{ "id": begun["file_id"] }], "channel_id": subject.channel });
    assert_eq!(
        subject.call("files.completeUploadExternal", early.clone()).await["error"],
        "file_not_found"
    );
    let upload = subject
        .client
        .post(begun["upload_url"].as_str().unwrap())
        .body("hello")
        .send()
        .await
        .unwrap();
    assert_eq!(upload.status(), 200);
    let done = subject.call("files.completeUploadExternal", early).await;
    assert_eq!(done["files"][0]["name"], "a.txt");
    let sent = subject.slack.messages(&subject.channel).remove(0);
    assert_eq!(sent.files, [("a.txt".to_owned(), Bytes::from_static(b"hello"))]);
    let url = done["files"][0]["url_private_download"].as_str().unwrap();
    let fetched = subject.client.get(url).bearer_auth(BOT_TOKEN).send().await.unwrap();
    assert_eq!(fetched.bytes().await.unwrap(), "hello");
    let refused = subject.client.get(url).send().await.unwrap();
    assert_eq!(refused.status(), 302, "the login page");
}

#[tokio::test]
async fn a_channel_takes_one_message_per_second_when_limits_hold() {
    let subject = subject().await;
    subject.slack.limit_rates(true);
    assert_eq!(subject.send("1").await["ok"], true);
    let url = format!("{}/api/chat.postMessage", subject.running.url());
    let body = json!({ "channel": subject.channel, "text": "2" });
    let limited = subject
        .client
        .post(&url)
        .bearer_auth(BOT_TOKEN)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()["retry-after"], "1");
    subject.slack.clock().advance(Duration::from_secs(1));
    assert_eq!(subject.send("2").await["ok"], true);
}

#[tokio::test]
async fn channels_people_and_direct_messages_are_found() {
    let subject = subject().await;
    subject.slack.add_foreign_channel("elsewhere");
    let all = subject.read("conversations.list", &[("limit", "1")]).await;
    assert_eq!(all["channels"].as_array().unwrap().len(), 1);
    assert_ne!(all["response_metadata"]["next_cursor"], "");
    let own = subject
        .read("users.conversations", &[("types", "public_channel,im")])
        .await;
    assert_eq!(own["channels"][0]["id"], subject.channel.as_str());
    let opened = subject
        .call("conversations.open", json!({ "users": subject.ada }))
        .await;
    assert_eq!(opened["channel"]["id"], subject.slack.dm(&subject.ada).as_str());
    let user = subject.read("users.info", &[("user", &subject.ada)]).await;
    assert_eq!(user["user"]["real_name"], "Ada");
}

#[tokio::test]
async fn an_error_may_come_after_the_work_was_done() {
    let subject = subject().await;
    subject.slack.fail_next("chat.postMessage", "internal_error", true);
    assert_eq!(subject.send("done").await["error"], "internal_error");
    assert_eq!(subject.slack.messages(&subject.channel).len(), 1);
}

#[tokio::test]
async fn a_broadcast_answer_is_in_the_channels_history_too() {
    let subject = subject().await;
    let parent = subject.slack.say(&subject.channel, &subject.ada, "question");
    let said = Said {
        text: "answer for all".to_owned(),
        thread: Some(parent),
        is_broadcast: true,
        ..Said::default()
    };
    subject.slack.post(&subject.channel, &subject.ada, said);
    let history = subject
        .read("conversations.history", &[("channel", &subject.channel)])
        .await;
    assert_eq!(history["messages"][0]["subtype"], "thread_broadcast");
}
