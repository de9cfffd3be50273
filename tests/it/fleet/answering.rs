//! A fleet answers, whoever takes, runs and delivers.

use tests::fleet::{Fleet, check};

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_answered_once_and_in_order_by_whichever_services_there_are() {
    let fleet = Fleet::builder().rooms(12).start().await;
    for round in 0..3 {
        for room in 0..12 {
            fleet.platform.say(room, if round == 1 { "!early" } else { "" }).await;
        }
    }
    fleet
        .until("all answers", async || fleet.platform.unanswered().is_empty())
        .await;
    check(&fleet).await;
}
