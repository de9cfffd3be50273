use futures::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn connect(subject: &Subject) -> Self {
        let opened = subject.call_as(APP_TOKEN, "apps.connections.open", json!({})).await;
        let stream = TcpStream::connect(subject.running.address()).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(opened["url"].as_str().unwrap(), stream)
            .await
            .unwrap();
        let mut client = Self(socket);
        assert_eq!(client.hear().await.unwrap()["type"], "hello");
        client
    }

    /// The next frame with text; `None` when the socket has ended.
    async fn hear(&mut self) -> Option<Value> {
        let hearing = async {
            loop {
                match self.0.next().await? {
                    Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(LONG, hearing).await.expect("a frame")
    }

    async fn acknowledge(&mut self, envelope: &Value) {
        let ack = json!({ "envelope_id": envelope["envelope_id"] });
        self.0.send(Message::text(ack.to_string())).await.unwrap();
    }
}

#[tokio::test]
async fn an_envelope_is_delivered_until_it_is_acknowledged() {
    let subject = subject().await;
    subject
        .slack
        .set_retries(Duration::from_millis(50), &[Duration::ZERO; 3]);
    let mut client = Client::connect(&subject).await;
    subject.slack.say(&subject.channel, &subject.ada, "hello");
    let first = client.hear().await.unwrap();
    assert_eq!(first["payload"]["event"]["text"], "hello");
    assert_eq!(first["retry_attempt"], 0);
    let second = client.hear().await.unwrap();
    assert_eq!(
        (&second["retry_attempt"], &second["retry_reason"]),
        (&json!(1), &json!("timeout"))
    );
    assert_eq!(second["payload"]["event_id"], first["payload"]["event_id"]);
    client.acknowledge(&second).await;
    until("acknowledged", || subject.slack.acknowledged() == 1).await;
    assert_eq!(subject.slack.events_open(), 0);
}

#[tokio::test]
async fn what_a_lost_socket_did_not_acknowledge_goes_to_the_next_one() {
    let subject = subject().await;
    let mut client = Client::connect(&subject).await;
    subject.slack.say(&subject.channel, &subject.ada, "hello");
    client.hear().await.unwrap();
    subject.slack.drop_sockets();
    assert!(client.hear().await.is_none());
    let mut next = Client::connect(&subject).await;
    assert_eq!(next.hear().await.unwrap()["payload"]["event"]["text"], "hello");
}

#[tokio::test]
async fn a_goodbye_has_a_reason_and_then_the_socket_ends() {
    let subject = subject().await;
    let mut client = Client::connect(&subject).await;
    subject.slack.say_goodbye("refresh_requested");
    let goodbye = client.hear().await.unwrap();
    assert_eq!(
        (&goodbye["type"], &goodbye["reason"]),
        (&json!("disconnect"), &json!("refresh_requested"))
    );
    assert!(client.hear().await.is_none());
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let subject = subject().await;
    let opened = subject.call_as(APP_TOKEN, "apps.connections.open", json!({})).await;
    let url = opened["url"].as_str().unwrap();
    for works in [true, false] {
        let stream = TcpStream::connect(subject.running.address()).await.unwrap();
        assert_eq!(tokio_tungstenite::client_async(url, stream).await.is_ok(), works);
    }
}

#[tokio::test]
async fn edits_and_deletions_are_events_about_the_message() {
    let subject = subject().await;
    let mut client = Client::connect(&subject).await;
    let ts = subject.slack.say(&subject.channel, &subject.ada, "helo");
    subject.slack.edit(&subject.channel, &ts, "hello");
    subject.slack.delete(&subject.channel, &ts);
    client.hear().await.unwrap();
    let changed = client.hear().await.unwrap()["payload"]["event"].clone();
    assert_eq!(
        (&changed["subtype"], &changed["message"]["text"]),
        (&json!("message_changed"), &json!("hello"))
    );
    assert_eq!(changed["previous_message"]["text"], "helo");
    let deleted = client.hear().await.unwrap()["payload"]["event"].clone();
    assert_eq!(
        (&deleted["subtype"], &deleted["deleted_ts"]),
        (&json!("message_deleted"), &json!(ts))
    );
}
