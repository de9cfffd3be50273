//! The stand-in is held against what Google documents.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::platform::{Answer, Call, Platform as _, parse_form};

fn call(method: Method, path: &str, token: &str, body: impl Into<Bytes>) -> Call {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    Call {
        method,
        path: path.to_owned(),
        query: parse_form(query).into_iter().collect::<BTreeMap<_, _>>(),
        headers,
        body: body.into(),
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

async fn refresh(gmail: &GmailDouble, refresh_token: &str) -> Answer {
    let form = format!(
        "grant_type=refresh_token&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&refresh_token={refresh_token}"
    );
    gmail.answer(call(Method::POST, "/token", "", form)).await
}

async fn token(gmail: &GmailDouble) -> String {
    let credentials: Value = serde_json::from_str(&gmail.credentials_json()).unwrap();
    let answer = refresh(gmail, credentials["refresh_token"].as_str().unwrap()).await;
    body(&answer)["access_token"].as_str().unwrap().to_owned()
}

async fn get(gmail: &GmailDouble, token: &str, path: &str) -> (u16, Value) {
    let answer = gmail
        .answer(call(Method::GET, &format!("/gmail/v1/users/me/{path}"), token, ""))
        .await;
    (answer.status.as_u16(), body(&answer))
}

async fn post(gmail: &GmailDouble, token: &str, path: &str, value: Value) -> (u16, Value) {
    let call = call(
        Method::POST,
        &format!("/gmail/v1/users/me/{path}"),
        token,
        value.to_string(),
    );
    let answer = gmail.answer(call).await;
    (answer.status.as_u16(), body(&answer))
}

#[tokio::test]
async fn consent_gives_tokens_to_who_holds_the_verifier_alone() {
    let gmail = GmailDouble::new("andy@example.org");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("verifier"));
    let url = format!(
        "/o/oauth2/v2/auth?client_id={CLIENT_ID}&response_type=code&redirect_uri=http://127.0.0.1:1/&state=s&code_challenge={challenge}"
    );
    for (verifier, status) in [("wrong", 400), ("verifier", 200)] {
        let sent = gmail.answer(call(Method::GET, &url, "", "")).await;
        let location = sent.headers["location"].to_str().unwrap().to_owned();
        let code = location.split_once("code=").unwrap().1;
        let form = format!(
            "grant_type=authorization_code&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&code={code}&redirect_uri=http://127.0.0.1:1/&code_verifier={verifier}"
        );
        let answer = gmail.answer(call(Method::POST, "/token", "", form)).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
}

#[tokio::test]
async fn an_access_token_ends_and_a_revoked_consent_is_an_invalid_grant() {
    let gmail = GmailDouble::new("andy@example.org");
    let first = token(&gmail).await;
    assert_eq!(
        get(&gmail, &first, "profile").await.1["emailAddress"],
        "andy@example.org"
    );
    gmail.clock.advance(Duration::from_secs(3_600));
    let (status, error) = get(&gmail, &first, "profile").await;
    assert_eq!((status, &error["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
    let credentials: Value = serde_json::from_str(&gmail.credentials_json()).unwrap();
    gmail.revoke_token();
    let refused = refresh(&gmail, credentials["refresh_token"].as_str().unwrap()).await;
    assert_eq!(body(&refused)["error"], "invalid_grant");
}

#[tokio::test]
async fn a_mail_sent_into_a_thread_is_in_it_and_found_by_its_id_once_it_is_indexed() {
    let gmail = GmailDouble::new("andy@example.org");
    let token = token(&gmail).await;
    let asked = gmail.deliver(&Mail::new("Ann <ann@example.org>", "Lunch", "When?"));
    gmail.set_search_lag(Duration::from_secs(5));
    let raw = "From: andy@example.org\r\nTo: ann@example.org\r\nMessage-ID: <own@example.org>\r\n\r\nNoon";
    let mail = json!({ "raw": URL_SAFE.encode(raw), "threadId": asked.thread });
    let (status, sent) = post(&gmail, &token, "messages/send", mail).await;
    assert_eq!((status, &sent["threadId"]), (200, &json!(asked.thread)));
    let (_, thread) = get(&gmail, &token, &format!("threads/{}?format=metadata", asked.thread)).await;
    assert_eq!(thread["messages"].as_array().unwrap().len(), 2);
    let search = "messages?q=rfc822msgid:own@example.org";
    assert!(get(&gmail, &token, search).await.1["messages"].is_null());
    gmail.clock.advance(Duration::from_secs(6));
    assert_eq!(get(&gmail, &token, search).await.1["messages"][0]["id"], sent["id"]);
    let stray = json!({ "raw": URL_SAFE.encode(raw), "threadId": "0000" });
    assert_eq!(post(&gmail, &token, "messages/send", stray).await.0, 404);
}

async fn upload(gmail: &GmailDouble, token: &str, parts: &[(&str, &str)]) -> (u16, Value) {
    let part = |(media_type, content): &(&str, &str)| format!("--b\r\nContent-Type: {media_type}\r\n\r\n{content}\r\n");
    let body = parts.iter().map(part).collect::<String>() + "--b--\r\n";
    let path = "/upload/gmail/v1/users/me/messages/send?uploadType=multipart";
    let mut call = call(Method::POST, path, token, body);
    let media_type = "multipart/related; boundary=\"b\"".parse().unwrap();
    call.headers.insert("content-type", media_type);
    let answer = gmail.answer(call).await;
    (answer.status.as_u16(), self::body(&answer))
}

#[tokio::test]
async fn a_large_mail_is_sent_as_an_upload_alone_and_kept_as_it_is() {
    let gmail = GmailDouble::new("andy@example.org");
    let token = token(&gmail).await;
    let asked = gmail.deliver(&Mail::new("Ann <ann@example.org>", "Lunch", "When?"));
    let text = "--c\r\n".repeat(1024 * 1024);
    let raw = format!("From: andy@example.org\r\nTo: ann@example.org\r\n\r\n{text}");
    let said = json!({ "threadId": asked.thread }).to_string();
    let as_json = json!({ "raw": URL_SAFE.encode(&raw), "threadId": asked.thread });
    assert_eq!(post(&gmail, &token, "messages/send", as_json).await.0, 413);
    let (json, mail) = (("application/json", said.as_str()), ("message/rfc822", raw.as_str()));
    for refused in [&[mail, json][..], &[mail], &[json, ("text/plain", "x")], &[]] {
        assert_eq!(upload(&gmail, &token, refused).await.0, 400);
    }
    let (status, sent) = upload(&gmail, &token, &[json, mail]).await;
    assert_eq!((status, &sent["threadId"]), (200, &json!(asked.thread)));
    assert!(gmail.mail(sent["id"].as_str().unwrap()).unwrap().raw == raw);
    assert_eq!(upload(&gmail, "stranger", &[json, mail]).await.0, 401);
}

#[tokio::test]
async fn history_tells_what_came_in_pages_and_forgets() {
    let gmail = GmailDouble::new("andy@example.org");
    let token = token(&gmail).await;
    let start = gmail.history_id();
    for n in 0..3 {
        gmail.deliver(&Mail::new("ann@example.org", &format!("mail {n}"), "text"));
    }
    let path = format!("history?startHistoryId={start}&historyTypes=messageAdded&maxResults=2");
    let (_, first) = get(&gmail, &token, &path).await;
    assert_eq!(first["history"].as_array().unwrap().len(), 2);
    let (_, second) = get(
        &gmail,
        &token,
        &format!("{path}&pageToken={}", first["nextPageToken"].as_str().unwrap()),
    )
    .await;
    assert_eq!(second["history"].as_array().unwrap().len(), 1);
    assert!(second["nextPageToken"].is_null());
    gmail.forget_history();
    assert_eq!(get(&gmail, &token, &path).await.0, 404);
}

#[tokio::test]
async fn labels_are_made_once_put_and_searched_for() {
    let gmail = GmailDouble::new("andy@example.org");
    let token = token(&gmail).await;
    let mail = gmail.deliver(&Mail::new("ann@example.org", "Grüße", "text"));
    let (_, label) = post(&gmail, &token, "labels", json!({ "name": "Done" })).await;
    assert_eq!(post(&gmail, &token, "labels", json!({ "name": "done" })).await.0, 400);
    let change = json!({ "addLabelIds": [label["id"]], "removeLabelIds": ["UNREAD"] });
    post(&gmail, &token, &format!("messages/{}/modify", mail.id), change).await;
    for (query, found) in [
        ("is:unread", 0),
        ("label:done", 1),
        ("-label:done", 0),
        ("category:primary", 1),
    ] {
        let (_, list) = get(&gmail, &token, &format!("messages?q={query}")).await;
        assert_eq!(list["resultSizeEstimate"], found, "{query}");
    }
    assert!(gmail.mail(&mail.id).unwrap().labels.contains(&"Done".to_owned()));
}
