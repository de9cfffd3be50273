//! What only chat platforms do: texts in parts, answers that were lost, accounts that are refused.

use proto::outbound::{Limits, OutboxState, Reconciled, TextUnit};

use super::*;

fn refused() -> SendOutcome {
    SendOutcome::AccountDown {
        reason: "401 Unauthorized".into(),
        retry_after: None,
    }
}

fn limited(answers: impl IntoIterator<Item = SendOutcome>) -> Arc<ScriptedChannel> {
    let limits = Limits {
        text_max: 16,
        unit: TextUnit::Chars,
    };
    Arc::new(ScriptedChannel {
        limits,
        ..ScriptedChannel::with(Resend::Never, answers)
    })
}

#[tokio::test]
async fn a_long_text_leaves_in_parts_and_only_the_part_that_failed_is_repeated() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one two three four five").await;
    world.say(&chat, "behind").await;
    let channel = limited([SendOutcome::Sent { platform_id: None }, busy(1)]);
    let mut delivery = world.delivery(channel.clone()).await;
    for _ in 0..4 {
        pass(&mut delivery).await;
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(channel.given(), ["one two three", "four five", "four five", "behind"]);
    assert_eq!(world.states(&chat).await, [OutboxState::Sent, OutboxState::Sent]);
}

/// With a look for each of them, a backlog of many chats would be read from its beginning after every send.
#[tokio::test]
async fn what_found_no_room_is_begun_as_sends_end_and_parts_of_a_text_go_on_first() {
    let world = World::new();
    let group = world.group("g", true).await;
    let long = world.chat("test:long", &group).await;
    world.say(&long, "one two three four five").await;
    for chat in 0..2 * PARALLEL_MAX {
        let chat = world.chat(&format!("test:{chat}"), &group).await;
        world.say(&chat, "x").await;
    }
    let channel = limited([]);
    let mut delivery = world.delivery(channel.clone()).await;
    delivery.tick(world.clock.now()).await.unwrap();
    assert_eq!(delivery.due.len(), PARALLEL_MAX + 1);
    let looked = delivery.looked;
    // Another look would be of another moment.
    world.clock.advance(Duration::from_millis(1));
    while let Some(ended) = delivery.ended().await {
        delivery.note_end(ended);
        if !delivery.due.is_empty() {
            delivery.go_on().await.unwrap();
            assert_eq!(delivery.looked, looked);
        }
    }
    let given = channel.given();
    let place = |text: &str| given.iter().position(|given| given == text).unwrap();
    assert_eq!(given.len(), 2 * PARALLEL_MAX + 2, "{given:?}");
    assert!(
        place("one two three") < place("four five") && place("four five") < given.len() - 1,
        "{given:?}"
    );
}

#[tokio::test]
async fn what_may_have_arrived_is_settled_by_the_platform_itself() {
    for (known, given, expected) in [
        (Reconciled::Arrived { platform_id: None }, 1, OutboxState::Sent),
        (Reconciled::NotArrived, 2, OutboxState::Sent),
        (Reconciled::CannotTell, 1, OutboxState::Uncertain),
    ] {
        let world = World::new();
        let group = world.group("g", true).await;
        let chat = world.chat("test:a", &group).await;
        world.say(&chat, "hi").await;
        let channel = ScriptedChannel::new(Resend::Never, [lost()]);
        let later = Reconciled::AskLater(Duration::from_millis(1));
        channel.known.lock().unwrap().extend([later, known.clone()]);
        let mut delivery = world.delivery(channel.clone()).await;
        pass(&mut delivery).await;
        world.clock.advance(Duration::from_secs(1));
        pass(&mut delivery).await;
        assert_eq!(channel.given().len(), given, "{known:?}");
        assert_eq!(world.states(&chat).await, [expected], "{known:?}");
    }
}

#[tokio::test]
async fn what_a_dead_process_was_sending_is_asked_for_before_it_is_sent_again() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let id = world.say(&chat, "hi").await;
    let dead = world.hold("dead").await;
    let now = world.clock.now();
    world.store.begin_delivery(&dead, id, now).await.unwrap().unwrap();
    world.store.release_lease(&dead).await.unwrap();
    let channel = ScriptedChannel::new(Resend::Harmless, []);
    let arrived = Reconciled::Arrived { platform_id: None };
    channel.known.lock().unwrap().push_back(arrived);
    pass(&mut world.delivery(channel.clone()).await).await;
    assert!(channel.given().is_empty());
    assert_eq!(world.states(&chat).await, [OutboxState::Sent]);
}

#[tokio::test]
async fn a_refused_account_waits_in_order_and_recovers_by_itself() {
    let world = World::new();
    let group = world.group("g", true).await;
    let (a, b) = (world.chat("test:a", &group).await, world.chat("test:b", &group).await);
    for (chat, text) in [(&a, "a1"), (&a, "a2"), (&b, "b1")] {
        world.say(chat, text).await;
    }
    let channel = ScriptedChannel::new(Resend::Never, [refused(), refused()]);
    let mut delivery = world.delivery(channel.clone()).await;
    pass(&mut delivery).await;
    let tried = channel.given().len();
    pass(&mut delivery).await;
    assert_eq!(
        channel.given().len(),
        tried,
        "nothing is tried while the breaker is open"
    );
    assert!(
        delivery.health.report().trouble.is_none(),
        "another gateway's business while it is on standby"
    );
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(1));
        pass(&mut delivery).await;
    }
    let rows = world.store.deliveries_after(&a, 0, 10).await.unwrap();
    assert!(
        rows.iter()
            .all(|row| row.state == OutboxState::Sent && row.failures == 0),
        "{rows:?}"
    );
    let order: Vec<_> = channel
        .given()
        .into_iter()
        .filter(|text| text.starts_with('a'))
        .collect();
    assert_eq!(order.last().map(String::as_str), Some("a2"));
}

/// NanoClaw #2423: given up after three tries, and neither the user nor the agent was told.
#[tokio::test]
async fn the_agent_learns_what_it_said_in_vain_and_nobody_is_woken_by_it() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let seen = world.seen("test:a");
    world.hear(&seen, "hello").await;
    let (fence, batch) = world.begin_turn().await;
    world.commit_turn(&fence, &batch, &[(&chat, "an answer")]).await;
    let rejected = SendOutcome::Rejected {
        reason: "403 the bot was blocked".into(),
    };
    let channel = ScriptedChannel::new(Resend::Never, [rejected]);
    pass(&mut world.delivery(channel).await).await;
    assert_eq!(world.states(&chat).await, [OutboxState::Dead]);
    let after = batch.messages.last().unwrap().ord;
    assert!(world.store.read_follow_ups(&fence, after).await.unwrap().is_empty());
    world.hear(&seen, "are you there?").await;
    let told = world.store.read_follow_ups(&fence, after).await.unwrap();
    assert!(told[0].envelope.text.contains("an answer"), "{told:?}");
    assert!(told[0].envelope.text.contains("blocked"), "{told:?}");
}
