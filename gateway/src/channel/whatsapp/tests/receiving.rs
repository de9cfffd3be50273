//! What people write, by webhook.

use std::time::Duration;

use doubles::whatsapp::Inbound as Said;

use super::super::chat_of;
use super::story::Story;
use super::subject::ANNA;
use crate::channel::conformance::until;

#[tokio::test]
async fn every_kind_of_message_reaches_the_agent_as_words() {
    let story = Story::begin(None).await;
    let say = |said| story.platform.say(ANNA, said);
    let first = say(Said::Text("Grüße 🦀".into()));
    say(Said::Reply {
        to: first.clone(),
        text: "as I said".into(),
    });
    say(Said::Location {
        latitude: 52.5,
        longitude: 13.4,
        name: Some("Gate".into()),
        address: None,
    });
    say(Said::Contact {
        name: "Bob".into(),
        number: "491".into(),
    });
    say(Said::Button("Yes".into()));
    say(Said::Interactive("No".into()));
    say(Said::Unsupported);
    say(Said::Reaction {
        to: first.clone(),
        emoji: "👍".into(),
    });
    say(Said::Edit {
        of: first.clone(),
        text: "Hello".into(),
    });
    say(Said::Revoke { of: first.clone() });
    let inbox = story.inbox().await;
    let texts: Vec<_> = inbox.iter().map(|message| message.envelope.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Grüße 🦀",
            "as I said",
            "[Location: Gate (52.5, 13.4)]",
            "[Contact: Bob +491]",
            "Yes",
            "No",
            "[a message of a kind that WhatsApp does not pass on]",
            "[reacted with 👍]",
            "[edited] Hello",
            "[deleted] Grüße 🦀",
        ]
    );
    let reply = &inbox[1].envelope;
    assert_eq!((reply.sender.as_str(), reply.sender_name.as_str()), (ANNA, "Anna"));
    assert_eq!(reply.details.quote.as_ref().unwrap().text, "Grüße 🦀");
    assert_eq!(inbox[0].envelope.platform_id(), first);
    assert_eq!(inbox[0].envelope.chat.as_str(), "4915112345678@s.whatsapp.net");
}

#[tokio::test]
async fn notifications_that_come_twice_together_or_backwards_are_taken_once_each() {
    let story = Story::begin(None).await;
    story.platform.hold_notifications();
    for said in ["1", "2", "3"] {
        story.platform.say(ANNA, Said::Text(said.into()));
    }
    story.platform.release_batched(2, 2);
    story.told().await;
    story.platform.hold_notifications();
    for said in ["4", "5"] {
        story.platform.say(ANNA, Said::Text(said.into()));
    }
    story.platform.release_backwards();
    let inbox = story.inbox().await;
    let texts: Vec<_> = inbox.iter().map(|message| message.envelope.text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3", "5", "4"]);
}

#[tokio::test]
async fn only_who_knows_the_secrets_is_listened_to() {
    let story = Story::begin(None).await;
    let client = reqwest::Client::new();
    let body = r#"{"entry":[]}"#;
    let post = async |signature: Option<String>| {
        let request = client.post(&story.hook).body(body);
        let request = match signature {
            Some(signature) => request.header("x-hub-signature-256", signature),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(Some(story.platform.sign(body))).await, 200);
    assert_eq!(post(Some(story.platform.sign("other"))).await, 401);
    assert_eq!(post(Some("sha256=00".into())).await, 401);
    assert_eq!(post(None).await, 401);
    let wrong = format!(
        "{}?hub.mode=subscribe&hub.challenge=1&hub.verify_token=guess",
        story.hook
    );
    assert_eq!(client.get(wrong).send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn meta_is_answered_only_when_the_message_is_stored() {
    let story = Story::begin(None).await;
    story.world.outage.set(store::outage::Manners::Refuses);
    // A chat nobody knows yet: it cannot be looked up.
    story.platform.say("49999", Said::Text("hi".into()));
    until("it is refused twice", async || {
        story.platform.notifications_refused() >= 2
    })
    .await;
    assert_eq!((story.platform.untold(), story.platform.notifications_taken()), (1, 0));
    story.world.outage.set(store::outage::Manners::Answers);
    // Until then nobody asks the store again.
    story.world.clock.advance(Duration::from_secs(2));
    story.told().await;
    assert!(story.world.store.chat(&chat_of("49999")).await.unwrap().is_some());
}
