//! Files of groups: what a turn changed is committed with it, and found by whoever has the group next.

use tests::fleet::{Fleet, check};

/// Says something in room 0, and waits until it was answered.
async fn ask(fleet: &Fleet, text: &str) {
    let number = fleet.platform.say(0, text).await;
    fleet
        .until("an answer", async || fleet.platform.is_answered(number))
        .await;
}

/// Moves room 0 from the runner that has it to the other one.
async fn move_on(fleet: &mut Fleet) {
    let owner = fleet.holder(0).await;
    fleet.runners[1 - owner].start();
    fleet.runners[owner].terminate();
    fleet.runners[owner].until_ended().await;
}

fn texts(fleet: &Fleet) -> Vec<String> {
    fleet.platform.spoken().into_iter().map(|spoken| spoken.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_committed_with_its_turn_and_found_by_the_next_runner() {
    let builder = Fleet::builder().services(1, 1, 2).rooms(1);
    let mut fleet = builder.config("[blobs]\ngroup_quota_mb = 1\n").prepare().await;
    fleet.gateways[0].start();
    fleet.schedulers[0].start();
    fleet.runners[0].start();
    ask(&fleet, "!write notes.txt milk and bread").await;
    move_on(&mut fleet).await;
    ask(&fleet, "!read notes.txt").await;
    assert!(texts(&fleet).contains(&"notes.txt: milk and bread".to_owned()));

    // Over the quota the answer is given, the chat is told, and what was committed stays.
    ask(&fleet, "!fill large.bin 2000").await;
    let told = |text: &String| text.starts_with("I answered, but my changed files cannot be kept");
    fleet
        .until("the reason", async || {
            texts(&fleet).iter().filter(|text| told(text)).count() == 1
        })
        .await;
    move_on(&mut fleet).await;
    ask(&fleet, "!read large.bin").await;
    ask(&fleet, "!read notes.txt").await;
    let texts = texts(&fleet);
    assert!(texts.contains(&"large.bin: entity not found".to_owned()), "{texts:?}");
    let kept = texts.iter().filter(|text| *text == "notes.txt: milk and bread");
    assert_eq!(kept.count(), 2, "{texts:?}");
    check(&fleet).await;
}
