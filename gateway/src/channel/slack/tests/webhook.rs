//! The Events API.

use std::time::Duration;

use doubles::slack::signature;
use http::StatusCode;
use serde_json::json;
use store::outage::Manners;

use super::subject::Slack;
use crate::channel::conformance::{Gateway, Rig, until};

type SlackRig = Rig<Slack<false>>;

/// A gateway, and where it takes events.
async fn served(rig: &SlackRig) -> (Gateway, String) {
    let mut gateway = rig.gateway("a").await;
    let base = gateway.receive().await;
    gateway.until_live().await;
    (gateway, format!("{base}/slack/events"))
}

#[tokio::test]
async fn an_address_proves_that_it_is_ours_and_takes_nothing_unsigned() {
    let rig = SlackRig::start().await;
    let (_gateway, url) = served(&rig).await;
    let slack = &rig.subject.platform;
    assert!(slack.verify_url(&url).await.unwrap());
    let body = json!({ "type": "url_verification", "challenge": "x" }).to_string();
    let now = slack.clock().now_s();
    for (secret, at) in [("another secret", now), (doubles::slack::SIGNING_SECRET, now - 301)] {
        let signed = signature(secret, at, &body);
        let answer = slack.post_with(&url, body.clone(), at, &signed, None).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{secret}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_stored_is_refused_and_its_retry_is_taken_once() {
    let rig = SlackRig::start().await;
    let (_gateway, url) = served(&rig).await;
    let slack = &rig.subject.platform;
    rig.world.outage.set(Manners::Refuses);
    slack.say(&rig.subject.room, &rig.subject.ann, "kept");
    let delivering = async { slack.deliver_events_to(&url).await };
    let story = async {
        until("it was refused", async || slack.refused() > 0).await;
        assert_eq!(slack.acknowledged(), 0);
        rig.world.outage.set(Manners::Answers);
        // Until then nobody asks the store again.
        rig.world.clock.advance(Duration::from_secs(2));
        rig.until("the message", |heard| heard.count("kept") == 1).await;
        until("it is acknowledged", async || slack.acknowledged() == 1).await;
    };
    tokio::select! {
        () = delivering => unreachable!("it goes on for ever"),
        () = story => {}
    }
    assert_eq!(rig.heard.count("kept"), 1);
}

#[tokio::test]
async fn what_slack_gave_up_is_read_when_a_gateway_comes() {
    let rig = SlackRig::start().await;
    let slack = &rig.subject.platform;
    let (gateway, _) = served(&rig).await;
    let position = async || rig.world.store.account_position("slack", "app").await.unwrap();
    until("a position is saved", async || position().await.is_some()).await;
    drop(gateway);
    slack.say(&rig.subject.room, &rig.subject.ann, "meanwhile");
    slack.forget_events();
    let mut next = rig.gateway("b").await;
    next.take_over(&rig).await;
    next.receive().await;
    rig.until("what was said meanwhile", |heard| heard.count("meanwhile") == 1)
        .await;
}

/// Who is silent for too long is taken for dead, and would begin with the first name again.
#[tokio::test]
async fn noting_channels_is_a_sign_of_life() {
    let rig = SlackRig::start().await;
    rig.subject.slow_names(60);
    let (gateway, _) = served(&rig).await;
    // Less than a heartbeat, so that the account stays ours.
    rig.world.clock.advance(Duration::from_millis(500));
    until("a sign of life", async || gateway.health.silent_for().is_zero()).await;
}
