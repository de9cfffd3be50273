//! The outbox of one account that is held.

mod fleet;
mod neighbours;
mod platforms;

use bus::Hint;
use proto::outbound::{OutboxState, Resend, SendOutcome};

use super::*;
use crate::world::{ScriptedChannel, World};

fn busy(retry_after_s: u64) -> SendOutcome {
    SendOutcome::NotSent {
        reason: "429".into(),
        retry_after: Some(Duration::from_secs(retry_after_s)),
    }
}

fn lost() -> SendOutcome {
    SendOutcome::Uncertain {
        reason: "no answer".into(),
    }
}

/// A pass with everything it started.
async fn pass(delivery: &mut DeliveryLoop) {
    let now = delivery.tools.clock.now();
    delivery.tick(now).await.unwrap();
    delivery.settle().await;
}

#[tokio::test]
async fn rows_of_a_chat_leave_in_order_and_a_stuck_head_holds_its_chat_only() {
    let world = World::new();
    let group = world.group("g", true).await;
    let (a, b) = (world.chat("test:a", &group).await, world.chat("test:b", &group).await);
    for (chat, text) in [(&a, "a1"), (&a, "a2"), (&b, "b1"), (&b, "b2")] {
        world.say(chat, text).await;
    }
    let channel = ScriptedChannel::new(Resend::Never, [busy(5)]);
    let mut delivery = world.delivery(channel.clone()).await;
    pass(&mut delivery).await;
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["a1", "b1", "b2"]);
    world.clock.advance(Duration::from_secs(6));
    pass(&mut delivery).await;
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["a1", "b1", "b2", "a1", "a2"]);
    assert_eq!(world.states(&a).await, [OutboxState::Sent, OutboxState::Sent]);
}

fn names(row: OutboxId, chat: &ChatId) -> Option<Hint> {
    Some(Hint::Outbox {
        channel: "test".into(),
        account: "bot".into(),
        row: Some((row, chat.clone())),
    })
}

/// Goes on with what is known until nothing of it is left.
async fn go_on(delivery: &mut DeliveryLoop) {
    loop {
        delivery.go_on().await.unwrap();
        if delivery.under_way.is_empty() {
            return;
        }
        delivery.settle().await;
    }
}

#[tokio::test]
async fn what_a_hint_names_leaves_without_a_look_and_what_is_behind_it_follows() {
    let world = World::new();
    let group = world.group("g", true).await;
    let (a, b) = (world.chat("test:a", &group).await, world.chat("test:b", &group).await);
    let channel = ScriptedChannel::new(Resend::Never, []);
    let mut delivery = world.delivery(channel.clone()).await;
    pass(&mut delivery).await;
    let first = world.say(&a, "a1").await;
    world.say(&a, "a2").await;
    world.say(&b, "b1").await;
    assert!(delivery.note_hint(names(first, &a)));
    go_on(&mut delivery).await;
    assert_eq!(channel.given(), ["a1", "a2"], "nobody looked for others");
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["a1", "a2", "b1"]);
}

#[tokio::test]
async fn a_named_row_that_is_not_its_chats_head_makes_the_loop_look() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let channel = ScriptedChannel::new(Resend::Never, []);
    let mut delivery = world.delivery(channel.clone()).await;
    pass(&mut delivery).await;
    // Its own hint was missed.
    world.say(&chat, "a1").await;
    let second = world.say(&chat, "a2").await;
    assert!(delivery.note_hint(names(second, &chat)));
    delivery.go_on().await.unwrap();
    delivery.settle().await;
    assert_eq!(channel.given(), [""; 0]);
    go_on(&mut delivery).await;
    assert_eq!(channel.given(), ["a1", "a2"]);
}

#[tokio::test]
async fn a_lost_answer_is_sent_again_only_where_that_is_harmless() {
    for (resend, expected) in [
        (Resend::Harmless, OutboxState::Pending),
        (Resend::Never, OutboxState::Uncertain),
    ] {
        let world = World::new();
        let group = world.group("g", true).await;
        let chat = world.chat("test:a", &group).await;
        world.say(&chat, "hi").await;
        let channel = ScriptedChannel::new(resend, [lost()]);
        pass(&mut world.delivery(channel).await).await;
        assert_eq!(world.states(&chat).await, [expected]);
    }
}

#[tokio::test]
async fn a_rejected_row_is_given_up_and_lets_the_next_pass() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "bad").await;
    world.say(&chat, "good").await;
    let rejected = SendOutcome::Rejected { reason: "400".into() };
    let mut delivery = world.delivery(ScriptedChannel::new(Resend::Never, [rejected])).await;
    pass(&mut delivery).await;
    pass(&mut delivery).await;
    assert_eq!(world.states(&chat).await, [OutboxState::Dead, OutboxState::Sent]);
}

#[tokio::test]
async fn what_a_dead_process_was_sending_follows_the_channels_policy() {
    for (resend, expected) in [
        (Resend::Harmless, OutboxState::Sent),
        (Resend::Never, OutboxState::Uncertain),
    ] {
        let world = World::new();
        let group = world.group("g", true).await;
        let chat = world.chat("test:a", &group).await;
        let id = world.say(&chat, "hi").await;
        let dead = world.hold("dead").await;
        world
            .store
            .begin_delivery(&dead, id, world.clock.now())
            .await
            .unwrap()
            .unwrap();
        world.store.release_lease(&dead).await.unwrap();
        let channel = ScriptedChannel::new(resend, []);
        let mut delivery = world.delivery(channel.clone()).await;
        // One to settle it, one to send it again.
        pass(&mut delivery).await;
        pass(&mut delivery).await;
        assert_eq!(world.states(&chat).await, [expected], "{resend:?}");
    }
}

#[tokio::test]
async fn a_chat_nobody_has_open_waits_without_being_charged() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "hi").await;
    let channel = ScriptedChannel::new(Resend::Harmless, []);
    channel.unreachable.lock().unwrap().push(chat.clone());
    let mut delivery = world.delivery(channel.clone()).await;
    for _ in 0..3 {
        pass(&mut delivery).await;
    }
    let rows = world.store.deliveries_after(&chat, 0, 10).await.unwrap();
    assert_eq!((rows[0].state, rows[0].attempts), (OutboxState::Pending, 0));
    channel.unreachable.lock().unwrap().clear();
    pass(&mut delivery).await;
    assert_eq!(world.states(&chat).await, [OutboxState::Sent]);
}

#[tokio::test]
async fn a_tick_starts_no_second_send_for_a_chat_and_not_more_than_allowed() {
    let world = World::new();
    let group = world.group("g", true).await;
    for n in 0..PARALLEL_MAX + 5 {
        let chat = world.chat(&format!("test:{n}"), &group).await;
        world.say(&chat, "hi").await;
    }
    let mut delivery = world.delivery(ScriptedChannel::new(Resend::Never, [])).await;
    let now = world.clock.now();
    delivery.tick(now).await.unwrap();
    delivery.tick(now).await.unwrap();
    assert_eq!(delivery.under_way.len(), PARALLEL_MAX);
    delivery.settle().await;
    pass(&mut delivery).await;
    assert_eq!(world.store.counts(now).await.unwrap().outbox_pending, 0);
}

#[tokio::test]
async fn a_row_the_store_would_not_charge_rests_for_a_sweep_and_holds_its_chat_only() {
    let world = World::new();
    let group = world.group("g", true).await;
    let (a, b) = (world.chat("test:a", &group).await, world.chat("test:b", &group).await);
    world.say(&a, "a1").await;
    let full_disk = world.refuse_outbox_updates();
    let channel = ScriptedChannel::new(Resend::Never, []);
    let mut delivery = world.delivery(channel.clone()).await;
    pass(&mut delivery).await;
    drop(full_disk);
    world.say(&b, "b1").await;
    for _ in 0..3 {
        pass(&mut delivery).await;
    }
    assert_eq!(channel.given(), ["b1"], "the first row rests");
    world.clock.advance(SWEEP);
    pass(&mut delivery).await;
    assert_eq!(channel.given(), ["b1", "a1"]);
}

#[tokio::test]
async fn what_was_committed_just_before_the_stop_still_leaves() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one").await;
    world.say(&chat, "two").await;
    let readiness = service::readiness::Readiness::new();
    let stop = CancellationToken::new();
    stop.cancel();
    let channel = ScriptedChannel::new(Resend::Never, []);
    let delivery = world.delivery(channel.clone()).await;
    let running = delivery.run(readiness.condition("delivery"), stop);
    tokio::time::timeout(crate::world::SOON, running).await.unwrap();
    assert_eq!(channel.given(), ["one", "two"]);
}

#[tokio::test]
async fn a_store_that_takes_no_writes_does_not_hold_up_the_stop() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    world.say(&chat, "one").await;
    let _full_disk = world.refuse_outbox_updates();
    let channel = ScriptedChannel::new(Resend::Never, []);
    let mut delivery = world.delivery(channel.clone()).await;
    tokio::time::timeout(crate::world::SOON, delivery.finish())
        .await
        .unwrap();
    assert!(channel.given().is_empty());
    assert_eq!(world.states(&chat).await, [OutboxState::Pending]);
}

#[tokio::test]
async fn the_loop_delivers_on_a_hint_and_ends_when_told() {
    let world = World::new();
    let group = world.group("g", true).await;
    let chat = world.chat("test:a", &group).await;
    let readiness = service::readiness::Readiness::new();
    let stop = CancellationToken::new();
    let channel = ScriptedChannel::new(Resend::Never, []);
    let delivery = world.delivery(channel).await;
    let running = delivery.run(readiness.condition("delivery"), stop.clone());
    let story = async {
        readiness.ready().await;
        world.say(&chat, "hi").await;
        world.hints.publish(Hint::Outbox {
            channel: "test".into(),
            account: "bot".into(),
            row: None,
        });
        while world.states(&chat).await != [OutboxState::Sent] {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    tokio::time::timeout(crate::world::SOON, async { tokio::join!(running, story) })
        .await
        .unwrap();
}
