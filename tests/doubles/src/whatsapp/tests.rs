use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::platform::{Answer, Call, Fault, Faults, Platform, RunningPlatform, start};

const ANNA: &str = "4915112345678";

/// A webhook that keeps what it is told, and refuses as often as it is asked to.
#[derive(Default)]
struct Webhook {
    refusals: Mutex<usize>,
    told: Mutex<Vec<Call>>,
}

#[async_trait]
impl Platform for Webhook {
    async fn answer(&self, call: Call) -> Answer {
        if call.method == Method::GET {
            let good = call
                .query
                .get("hub.verify_token")
                .is_some_and(|token| token == VERIFY_TOKEN);
            return match good {
                true => Answer::new(StatusCode::OK, "text/plain", call.query["hub.challenge"].clone()),
                false => Answer::empty(StatusCode::FORBIDDEN),
            };
        }
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Answer::empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        self.told.lock().unwrap().push(call);
        Answer::empty(StatusCode::OK)
    }

    fn busy(&self, _: &Call, _: Duration) -> Answer {
        Answer::empty(StatusCode::TOO_MANY_REQUESTS)
    }

    fn is_effect(&self, _: &Call) -> bool {
        false
    }
}

impl Webhook {
    /// All changes that it was told, in order.
    fn values(&self) -> Vec<Value> {
        let bodies = self.told.lock().unwrap();
        let changes = bodies.iter().flat_map(|call| {
            let body = call.json().unwrap();
            body["entry"][0]["changes"].as_array().unwrap().clone()
        });
        changes.map(|change| change["value"].clone()).collect()
    }
}

struct Subject {
    double: Arc<WhatsAppDouble>,
    faults: Arc<Faults>,
    graph: RunningPlatform,
    webhook: Arc<Webhook>,
    hook: RunningPlatform,
    client: reqwest::Client,
}

async fn subject() -> Subject {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (double, faults, webhook) = <(Arc<WhatsAppDouble>, Arc<Faults>, Arc<Webhook>)>::default();
    let graph = start(Arc::clone(&double), Arc::clone(&faults)).await.unwrap();
    let hook = start(Arc::clone(&webhook), Arc::default()).await.unwrap();
    double.subscribe(&format!("{}/whatsapp", hook.url())).await.unwrap();
    Subject {
        double,
        faults,
        graph,
        webhook,
        hook,
        client: reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap(),
    }
}

impl Subject {
    fn url(&self, rest: &str) -> String {
        format!("{}/v23.0/{rest}", self.graph.url())
    }

    async fn post(&self, body: Value) -> (u16, Value) {
        let sent = self
            .client
            .post(self.url(&format!("{PHONE_NUMBER_ID}/messages")))
            .bearer_auth(ACCESS_TOKEN)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        (sent.status().as_u16(), sent.json().await.unwrap())
    }

    async fn text(&self, to: &str, said: &str) -> (u16, Value) {
        let body = json!({
            "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": said },
            "biz_opaque_callback_data": "mine",
        });
        self.post(body).await
    }

    async fn told(&self) {
        let all_told = async {
            while self.double.untold() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all_told).await.unwrap();
    }

    async fn statuses(&self) -> Vec<Value> {
        self.told().await;
        let values = self.webhook.values();
        values
            .iter()
            .filter(|value| value.get("statuses").is_some())
            .map(|value| value["statuses"][0].clone())
            .collect()
    }
}

fn code(answer: &Value) -> &Value {
    &answer["error"]["code"]
}

#[tokio::test]
async fn a_sent_message_is_told_of_as_sent_delivered_and_read() {
    let subject = subject().await;
    subject.double.say(ANNA, Inbound::Text("hi".into()));
    let (status, answer) = subject.text(ANNA, "hello").await;
    assert_eq!(status, 200);
    let id = answer["messages"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("wamid.HBgN"), "{id}");
    subject.double.read_all(ANNA);
    let statuses = subject.statuses().await;
    let states: Vec<_> = statuses
        .iter()
        .map(|status| status["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["sent", "delivered", "read"]);
    assert!(
        statuses
            .iter()
            .all(|status| status["id"] == id && status["biz_opaque_callback_data"] == "mine")
    );
    assert_eq!(subject.double.messages(ANNA)[0].content, Sent::Text("hello".into()));
}

#[tokio::test]
async fn free_text_ends_with_the_24_hours_and_templates_do_not() {
    let subject = subject().await;
    subject.double.say(ANNA, Inbound::Text("hi".into()));
    subject.double.approve_template("news", "en", "News: {{1}}");
    subject.double.clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(subject.text(ANNA, "late").await.0, 200, "mostly it is refused later");
    subject.double.check_window(WindowCheck::AtOnce);
    let (status, answer) = subject.text(ANNA, "late").await;
    assert_eq!((status, code(&answer)), (400, &json!(131_047)));
    let template = |value: &str| {
        json!({
            "messaging_product": "whatsapp", "to": ANNA, "type": "template",
            "template": { "name": "news", "language": { "code": "en" }, "components": [
                { "type": "body", "parameters": [{ "type": "text", "text": value }] },
            ] },
        })
    };
    assert_eq!(code(&subject.post(template("two\nlines")).await.1), 132_018);
    assert_eq!(code(&subject.post(template(&"x".repeat(1_020))).await.1), 132_005);
    assert_eq!(subject.post(template("good")).await.0, 200);
    let failed = subject.statuses().await.remove(0);
    assert_eq!(
        (&failed["status"], &failed["errors"][0]["code"]),
        (&json!("failed"), &json!(131_047))
    );
    assert_eq!(subject.double.messages(ANNA).len(), 1);
    assert_eq!(subject.double.accepted(ANNA).len(), 2);
}

#[tokio::test]
async fn graph_refuses_with_its_own_codes() {
    let subject = subject().await;
    subject.double.say(ANNA, Inbound::Text("hi".into()));
    assert_eq!(code(&subject.text(ANNA, &"x".repeat(4_097)).await.1), 100);
    assert_eq!(code(&subject.text(ANNA, "").await.1), 131_008);
    assert_eq!(subject.text("4900000", "nobody").await.0, 200);
    assert_eq!(subject.statuses().await[0]["errors"][0]["code"], 131_026);
    for _ in 0..45 {
        assert_eq!(subject.text(ANNA, "much").await.0, 200);
    }
    assert_eq!(code(&subject.text(ANNA, "too much").await.1), 131_056);
    subject.faults.next("/messages", Fault::Busy(Duration::from_secs(1)));
    assert_eq!(code(&subject.text(ANNA, "busy").await.1), 130_429);
    subject.double.revoke_token();
    let (status, answer) = subject.text(ANNA, "hi").await;
    assert_eq!((status, code(&answer)), (401, &json!(190)));
}

#[tokio::test]
async fn a_file_is_uploaded_sent_and_downloaded_by_a_link_that_dies() {
    let subject = subject().await;
    subject.double.say(ANNA, Inbound::Text("hi".into()));
    let form = "--x\r\ncontent-disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--x\r\n\
                content-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n\
                PNG\r\n--x--\r\n";
    let uploaded = subject
        .client
        .post(subject.url(&format!("{PHONE_NUMBER_ID}/media")))
        .bearer_auth(ACCESS_TOKEN)
        .header("content-type", "multipart/form-data; boundary=x")
        .body(form)
        .send()
        .await
        .unwrap();
    let id = uploaded.json::<Value>().await.unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({
        "messaging_product": "whatsapp", "to": ANNA, "type": "image", "image": { "id": id, "caption": "look" },
    });
    assert_eq!(subject.post(body).await.0, 200);
    assert!(matches!(&subject.double.messages(ANNA)[0].content, Sent::Media { content, .. } if content == "PNG"));
    let get = async |url: String| {
        let got = subject.client.get(url).bearer_auth(ACCESS_TOKEN).send().await.unwrap();
        (got.status().as_u16(), got.bytes().await.unwrap())
    };
    let looked: Value = serde_json::from_slice(&get(subject.url(&id)).await.1).unwrap();
    let link = looked["url"].as_str().unwrap().to_owned();
    assert_eq!(looked["file_size"], 3);
    assert_eq!(get(link.clone()).await, (200, "PNG".into()));
    let without = subject.client.get(&link).send().await.unwrap();
    assert_eq!(without.status().as_u16(), 401);
    subject.double.clock.advance(Duration::from_secs(301));
    assert_eq!(get(link).await.0, 404);
}

#[tokio::test]
async fn notifications_are_signed_and_repeated_until_they_are_taken() {
    let subject = subject().await;
    *subject.webhook.refusals.lock().unwrap() = 3;
    let id = subject.double.say(ANNA, Inbound::Text("Grüße 🦀 a/b".into()));
    subject.told().await;
    let told = subject.webhook.told.lock().unwrap().remove(0);
    let raw = String::from_utf8(told.body.to_vec()).unwrap();
    assert!(raw.contains(r"Gr\u00fc\u00dfe \ud83e\udd80 a\/b"), "{raw}");
    assert_eq!(told.header("x-hub-signature-256").unwrap(), subject.double.sign(&raw));
    let message = &told.json().unwrap()["entry"][0]["changes"][0]["value"]["messages"][0];
    assert_eq!(
        (&message["id"], &message["text"]["body"]),
        (&json!(id), &json!("Grüße 🦀 a/b"))
    );
}

#[tokio::test]
async fn notifications_come_out_of_order_together_and_twice_on_request() {
    let subject = subject().await;
    subject.double.hold_notifications();
    let ids: Vec<String> = ["1", "2", "3"]
        .map(|said| subject.double.say(ANNA, Inbound::Text(said.into())))
        .into();
    subject.double.release_backwards();
    subject.told().await;
    let told = |values: Vec<Value>| -> Vec<String> {
        let ids = values
            .iter()
            .map(|value| value["messages"][0]["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(told(subject.webhook.values()), [&*ids[2], &*ids[1], &*ids[0]]);
    subject.webhook.told.lock().unwrap().clear();
    subject.double.hold_notifications();
    let again: Vec<String> = ["4", "5"]
        .map(|said| subject.double.say(ANNA, Inbound::Text(said.into())))
        .into();
    subject.double.release_batched(10, 2);
    subject.told().await;
    assert_eq!(subject.webhook.told.lock().unwrap().len(), 2);
    assert_eq!(told(subject.webhook.values()), [again.clone(), again].concat());
}

#[tokio::test]
async fn what_one_webhook_did_not_answer_is_told_to_the_next() {
    let subject = subject().await;
    let (mute, faults) = <(Arc<Webhook>, Arc<Faults>)>::default();
    let first = start(Arc::clone(&mute), Arc::clone(&faults)).await.unwrap();
    subject
        .double
        .subscribe(&format!("{}/whatsapp", first.url()))
        .await
        .unwrap();
    faults.next("/whatsapp", Fault::Slow(Duration::from_secs(600)));
    subject.double.say(ANNA, Inbound::Text("hello?".into()));
    while mute.values().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    subject
        .double
        .subscribe(&format!("{}/whatsapp", subject.hook.url()))
        .await
        .unwrap();
    subject.told().await;
    assert_eq!(subject.webhook.values(), mute.values());
}

#[tokio::test]
async fn reading_and_typing_need_a_message_of_the_person() {
    let subject = subject().await;
    let id = subject.double.say(ANNA, Inbound::Text("hi".into()));
    let mark = |id: &str| {
        json!({
            "messaging_product": "whatsapp", "status": "read", "message_id": id, "typing_indicator": { "type": "text" },
        })
    };
    assert_eq!(subject.post(mark(&id)).await, (200, json!({ "success": true })));
    assert!(subject.double.is_read(&id));
    assert_eq!(subject.double.typing_shown(), [ANNA]);
    assert_eq!(subject.post(mark("wamid.unknown")).await.0, 400);
}
