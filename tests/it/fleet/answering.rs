//! A fleet answers, whoever takes, runs and delivers.

use servers::Version;
use tests::fleet::{Fleet, check};

/// Three rounds through all rooms, one of them with early messages.
async fn talk(fleet: &Fleet, rooms: usize) {
    for text in ["", "!early", ""] {
        for room in 0..rooms {
            fleet.platform.say(room, text).await;
        }
    }
    fleet
        .until("all answers", async || fleet.platform.unanswered().is_empty())
        .await;
    check(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_answered_once_and_in_order_by_whichever_services_there_are() {
    talk(&Fleet::builder().rooms(12).start().await, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_broker_serves_as_well() {
    let builder = Fleet::builder().services(1, 1, 1).nats(Version::V2_10);
    talk(&builder.rooms(4).start().await, 4).await;
}
