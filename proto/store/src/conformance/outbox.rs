//! Deliveries.

use proto::group::ChatSeen;
use proto::outbound::{AfterSend, Delivery, OutboxState, Receipt, ReceiptState};
use proto::time::Timestamp;
use proto::turn::Recorded;

use super::World;
use super::world::{at, chat_of, reply};
use crate::{Error, Noted};

fn sent() -> AfterSend {
    AfterSend::Sent {
        platform_id: Some("42".to_owned()),
    }
}

impl World {
    /// A group in whose chat these texts wait to be sent, in this order.
    async fn said(&self, group: &str, texts: &[&str]) {
        let runner = self.runner(&format!("runner-of-{group}"), 5).await;
        let (fence, batch) = self.begun(group, &runner).await;
        let replies = texts
            .iter()
            .enumerate()
            .map(|(n, text)| reply(&format!("extra:{n}"), group, text))
            .collect();
        self.commit(&fence, &batch, replies, at(1)).await;
    }

    async fn due(&self, now: Timestamp) -> Vec<Delivery> {
        self.store
            .due_deliveries("test", World::ACCOUNT, now, 10)
            .await
            .unwrap()
    }

    async fn due_texts(&self, now: Timestamp) -> Vec<String> {
        self.due(now).await.into_iter().map(|delivery| delivery.text).collect()
    }

    /// Charges an attempt at the one delivery that is due.
    async fn attempt(&self, now: Timestamp) -> Delivery {
        let due = self.due(now).await;
        assert_eq!(due.len(), 1);
        self.begin_delivery(due[0].id, now).await.unwrap()
    }

    async fn finish(&self, delivery: &Delivery, after: &AfterSend, now: Timestamp) {
        self.store
            .finish_delivery(delivery.id, delivery.attempts, after, now)
            .await
            .unwrap();
    }
}

pub async fn what_did_not_arrive_is_counted_and_listed(world: World) {
    world.said("g", &["one", "two", "three"]).await;
    let ends = [
        AfterSend::Dead {
            reason: "400".to_owned(),
        },
        AfterSend::Uncertain {
            reason: "no answer".to_owned(),
        },
        sent(),
    ];
    for (end, now) in ends.iter().zip([2, 3, 4]) {
        let delivery = world.attempt(at(now)).await;
        world.finish(&delivery, end, at(now)).await;
    }
    let counts = world.store.counts(at(5)).await.unwrap();
    assert_eq!((counts.outbox_dead, counts.outbox_uncertain), (1, 1));
    let listed = world.store.undelivered(10).await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|row| {
            (
                row.delivery.text.as_str(),
                row.delivery.state,
                row.reason.as_deref(),
                row.at,
            )
        })
        .collect();
    let expected = [
        ("two", OutboxState::Uncertain, Some("no answer"), at(3)),
        ("one", OutboxState::Dead, Some("400"), at(2)),
    ];
    assert_eq!(listed, expected);
    assert_eq!(world.store.undelivered(1).await.unwrap().len(), 1);
}

pub async fn outbox_order_per_chat_is_kept(world: World) {
    world.said("g", &["one", "two", "three"]).await;
    for expected in ["one", "two", "three"] {
        assert_eq!(world.due_texts(at(2)).await, [expected]);
        let delivery = world.attempt(at(2)).await;
        assert_eq!((delivery.state, delivery.attempts), (OutboxState::Sending, 1));
        assert!(
            world.due(at(2)).await.is_empty(),
            "nothing overtakes what is being sent"
        );
        world.finish(&delivery, &sent(), at(3)).await;
    }
    assert!(world.due(at(4)).await.is_empty());
}

pub async fn one_chat_does_not_hold_up_another(world: World) {
    world.said("g", &["stuck", "behind"]).await;
    let stuck = world.attempt(at(2)).await;
    world.said("h", &["free"]).await;
    assert_eq!(world.due_texts(at(3)).await, ["free"]);
    let retry = AfterSend::Retry {
        reason: "busy".to_owned(),
        not_before: at(1_000),
        counts: true,
    };
    world.finish(&stuck, &retry, at(3)).await;
    assert_eq!(world.due_texts(at(999)).await, ["free"]);
}

pub async fn only_the_account_of_a_chat_sends_for_it(world: World) {
    world.said("g", &["hi"]).await;
    let due = |channel, account| world.store.due_deliveries(channel, account, at(2), 10);
    assert!(due("other", World::ACCOUNT).await.unwrap().is_empty());
    assert!(due("test", "other").await.unwrap().is_empty());
    assert_eq!(due("test", World::ACCOUNT).await.unwrap().len(), 1);
    let moved = ChatSeen {
        id: chat_of("g"),
        channel: "test".to_owned(),
        account: "other".to_owned(),
        name: None,
        is_group_chat: None,
        seen_at: at(3),
        parent: None,
    };
    world.store.see_chat(&moved).await.unwrap();
    assert_eq!(
        due("test", "other").await.unwrap().len(),
        1,
        "a chat that moved to another account is sent there"
    );
}

pub async fn an_attempt_is_charged_once(world: World) {
    world.said("g", &["one", "two"]).await;
    let id = world.due(at(2)).await[0].id;
    assert!(world.begin_delivery(id, at(2)).await.is_some());
    assert_eq!(world.begin_delivery(id, at(2)).await, None);
    let second = world.store.deliveries_after(&chat_of("g"), 1, 1).await.unwrap()[0].id;
    assert_eq!(world.begin_delivery(second, at(2)).await, None, "it is not at the head");
}

pub async fn a_stale_attempt_cannot_finish(world: World) {
    world.said("g", &["one"]).await;
    let first = world.attempt(at(2)).await;
    world
        .finish(
            &first,
            &AfterSend::Retry {
                reason: "busy".to_owned(),
                not_before: at(3),
                counts: true,
            },
            at(2),
        )
        .await;
    let second = world.attempt(at(3)).await;
    assert_eq!(second.attempts, 2);
    let late = world
        .store
        .finish_delivery(first.id, first.attempts, &sent(), at(4))
        .await;
    assert!(matches!(late, Err(Error::Conflict(_))));
    world.finish(&second, &sent(), at(5)).await;
    let unknown = world.store.finish_delivery(world.outbox_id(), 1, &sent(), at(5)).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })));
}

pub async fn the_end_of_a_delivery_names_the_row_behind_it(world: World) {
    world.said("g", &["one", "two", "three"]).await;
    world.said("h", &["other"]).await;
    let rows = world.store.deliveries_after(&chat_of("g"), 0, 9).await.unwrap();
    let now = at(2);
    let first = world.begin_delivery(rows[0].id, now).await.unwrap();
    let part = AfterSend::Part {
        through: 1,
        in_doubt: false,
    };
    let finish = async |delivery: &Delivery, after: &AfterSend| {
        let finished = world.store.finish_delivery(delivery.id, delivery.attempts, after, now);
        finished.await.unwrap()
    };
    assert_eq!(finish(&first, &part).await, None, "it has not ended");
    let first = world.begin_delivery(rows[0].id, now).await.unwrap();
    assert_eq!(finish(&first, &sent()).await, Some(rows[1].id));
    assert_eq!(finish(&first, &sent()).await, None, "it had ended before");
    let second = world.begin_delivery(rows[1].id, now).await.unwrap();
    let reason = "refused".to_owned();
    assert_eq!(finish(&second, &AfterSend::Dead { reason }).await, Some(rows[2].id));
    let third = world.begin_delivery(rows[2].id, now).await.unwrap();
    let reason = "no answer".to_owned();
    assert_eq!(finish(&third, &AfterSend::Uncertain { reason }).await, None);
}

pub async fn finishing_in_doubt_may_be_repeated(world: World) {
    world.said("g", &["one"]).await;
    let delivery = world.attempt(at(2)).await;
    world.finish(&delivery, &sent(), at(3)).await;
    world.finish(&delivery, &sent(), at(4)).await;
    let dead = AfterSend::Dead {
        reason: "no".to_owned(),
    };
    let other = world
        .store
        .finish_delivery(delivery.id, delivery.attempts, &dead, at(5))
        .await;
    assert!(matches!(other, Err(Error::Conflict(_))), "what is done stays done");
}

pub async fn what_is_uncertain_or_dead_does_not_hold_up_its_chat(world: World) {
    world.said("g", &["lost", "refused", "fine"]).await;
    let lost = world.attempt(at(2)).await;
    world
        .finish(
            &lost,
            &AfterSend::Uncertain {
                reason: "no answer".to_owned(),
            },
            at(3),
        )
        .await;
    let refused = world.attempt(at(4)).await;
    world
        .finish(
            &refused,
            &AfterSend::Dead {
                reason: "too rude".to_owned(),
            },
            at(5),
        )
        .await;
    assert_eq!(world.due_texts(at(6)).await, ["fine"]);
    assert_eq!(world.store.counts(at(6)).await.unwrap().outbox_uncertain, 1);
}

pub async fn a_retry_waits_and_keeps_its_place(world: World) {
    world.said("g", &["one", "two"]).await;
    let one = world.attempt(at(2)).await;
    let retry = AfterSend::Retry {
        reason: "busy".to_owned(),
        not_before: at(1_000),
        counts: true,
    };
    world.finish(&one, &retry, at(3)).await;
    assert!(world.due(at(999)).await.is_empty());
    assert_eq!(world.begin_delivery(one.id, at(999)).await, None);
    assert_eq!(world.due_texts(at(1_000)).await, ["one"]);
}

pub async fn interrupted_deliveries_are_found(world: World) {
    world.said("g", &["one", "two"]).await;
    let one = world.attempt(at(2)).await;
    assert_eq!(
        world
            .store
            .interrupted_deliveries("test", World::ACCOUNT)
            .await
            .unwrap(),
        std::slice::from_ref(&one)
    );
    assert!(
        world
            .store
            .interrupted_deliveries("test", "other")
            .await
            .unwrap()
            .is_empty()
    );
    world.finish(&one, &sent(), at(3)).await;
    assert!(
        world
            .store
            .interrupted_deliveries("test", World::ACCOUNT)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn deliveries_are_polled_in_order(world: World) {
    world.said("g", &["one", "two", "three"]).await;
    let one = world.attempt(at(2)).await;
    world.finish(&one, &sent(), at(3)).await;
    let chat = chat_of("g");
    let poll = |after, limit| world.store.deliveries_after(&chat, after, limit);
    let all = poll(0, 10).await.unwrap();
    assert_eq!(
        all.iter().map(|delivery| delivery.text.as_str()).collect::<Vec<_>>(),
        ["one", "two", "three"]
    );
    assert_eq!(all[0].state, OutboxState::Sent);
    assert_eq!(poll(all[0].seq, 1).await.unwrap(), [all[1].clone()]);
    assert!(poll(all[2].seq, 10).await.unwrap().is_empty());
}

pub async fn a_notice_is_said_once_per_key(world: World) {
    world.group("g").await;
    world.chat(chat_of("nobody")).await;
    let notice = reply("ignored", "g", "the engine is down");
    let id = world.outbox_id();
    assert_eq!(
        world.store.put_notice("down:1", &notice, id, at(1)).await.unwrap(),
        Recorded::New(id)
    );
    let again = world
        .store
        .put_notice("down:1", &notice, world.outbox_id(), at(2))
        .await
        .unwrap();
    assert_eq!(again, Recorded::Already(id));
    let other = world.outbox_id();
    assert_eq!(
        world.store.put_notice("down:2", &notice, other, at(3)).await.unwrap(),
        Recorded::New(other)
    );
    let due = world.due(at(4)).await;
    assert_eq!((due.len(), due[0].id, due[0].turn), (1, id, None));
    let unregistered = world
        .store
        .put_notice("x", &reply("x", "nobody", "hi"), world.outbox_id(), at(5))
        .await;
    assert!(matches!(unregistered, Err(Error::Conflict(_))));
    let unseen = world
        .store
        .put_notice("x", &reply("x", "unseen", "hi"), world.outbox_id(), at(5))
        .await;
    assert!(matches!(unseen, Err(Error::NotFound { what: "chat", .. })));
}

pub async fn a_chat_is_at_rest_once_all_is_answered_and_delivered(world: World) {
    let activity = async |world: &World| {
        let activity = world.store.chat_activity(&chat_of("g")).await.unwrap();
        (activity.unanswered, activity.undelivered)
    };
    assert_eq!(activity(&world).await, (0, 0), "nothing is known of it");
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.chatter("g", "not for you", at(0)).await;
    assert_eq!(activity(&world).await, (1, 0));
    world
        .commit(&fence, &batch, vec![reply("final", "g", "answer")], at(1))
        .await;
    assert_eq!(activity(&world).await, (0, 1));
    let delivery = world.attempt(at(2)).await;
    assert_eq!(activity(&world).await, (0, 1));
    world.finish(&delivery, &sent(), at(3)).await;
    assert_eq!(activity(&world).await, (0, 0));
}

pub async fn a_long_text_is_sent_in_parts_before_the_next_one(world: World) {
    world.said("g", &["a long text", "behind"]).await;
    let first = world.attempt(at(2)).await;
    let failed = AfterSend::Retry {
        reason: "busy".to_owned(),
        not_before: at(2),
        counts: true,
    };
    world.finish(&first, &failed, at(2)).await;
    let first = world.attempt(at(3)).await;
    assert_eq!((first.failures, first.sent_through, first.in_doubt), (1, 0, false));
    let part = AfterSend::Part {
        through: 6,
        in_doubt: true,
    };
    world.finish(&first, &part, at(4)).await;
    let second = world.attempt(at(4)).await;
    assert_eq!(second.id, first.id, "nothing overtakes the rest of a text");
    assert_eq!((second.failures, second.sent_through, second.in_doubt), (0, 6, true));
    let refused = AfterSend::Retry {
        reason: "token revoked".to_owned(),
        not_before: at(5),
        counts: false,
    };
    world.finish(&second, &refused, at(5)).await;
    let second = world.attempt(at(6)).await;
    assert_eq!((second.failures, second.sent_through), (0, 6));
    world.finish(&second, &sent(), at(7)).await;
    assert_eq!(world.due_texts(at(8)).await, ["behind"]);
}

fn receipt(delivery: &Delivery, state: ReceiptState) -> Receipt {
    let failed = state == ReceiptState::Failed;
    Receipt {
        delivery: delivery.id,
        attempt: delivery.attempts,
        state,
        platform_id: Some("wamid.1".to_owned()),
        reason: failed.then(|| "undeliverable".to_owned()),
        at: at(5),
    }
}

pub async fn receipts_come_in_any_order_and_settle_what_was_in_doubt(world: World) {
    world.said("g", &["one"]).await;
    let one = world.attempt(at(2)).await;
    let note = async |state| world.store.note_receipt(&receipt(&one, state), at(6)).await.unwrap();
    assert_eq!(world.store.receipt(one.id).await.unwrap(), None);
    assert_eq!(
        note(ReceiptState::Failed).await,
        Noted::NotYet,
        "its answer is not recorded"
    );
    let uncertain = AfterSend::Uncertain {
        reason: "no answer".to_owned(),
    };
    world.finish(&one, &uncertain, at(3)).await;
    let Noted::Arrived(row) = note(ReceiptState::Delivered).await else {
        panic!("it was in doubt, and it arrived");
    };
    assert_eq!((row.id, row.state), (one.id, OutboxState::Sent));
    assert_eq!(world.store.counts(at(6)).await.unwrap().outbox_uncertain, 0);
    for late in [ReceiptState::Sent, ReceiptState::Failed, ReceiptState::Delivered] {
        assert_eq!(note(late).await, Noted::Kept, "{late:?}");
    }
    assert_eq!(note(ReceiptState::Read).await, Noted::Kept);
    let known = world.store.receipt(one.id).await.unwrap();
    assert_eq!(known, Some(receipt(&one, ReceiptState::Read)));
    let unknown = Receipt {
        delivery: world.outbox_id(),
        ..receipt(&one, ReceiptState::Sent)
    };
    assert_eq!(world.store.note_receipt(&unknown, at(7)).await.unwrap(), Noted::Unknown);
}

pub async fn a_message_that_failed_after_it_was_accepted_is_dead(world: World) {
    world.said("g", &["one"]).await;
    let one = world.attempt(at(2)).await;
    world.finish(&one, &sent(), at(3)).await;
    let failed = receipt(&one, ReceiptState::Failed);
    let Noted::Failed(row) = world.store.note_receipt(&failed, at(6)).await.unwrap() else {
        panic!("it did not arrive");
    };
    assert_eq!((row.id, row.state), (one.id, OutboxState::Dead));
    let again = world.store.note_receipt(&failed, at(7)).await.unwrap();
    assert!(
        matches!(again, Noted::Failed(_)),
        "who heard it first may have died before telling"
    );
}

pub async fn a_part_that_failed_leaves_the_rest_in_doubt(world: World) {
    world.said("g", &["a long text"]).await;
    let first = world.attempt(at(2)).await;
    let part = AfterSend::Part {
        through: 6,
        in_doubt: false,
    };
    world.finish(&first, &part, at(3)).await;
    let failed = receipt(&first, ReceiptState::Failed);
    assert_eq!(world.store.note_receipt(&failed, at(4)).await.unwrap(), Noted::Kept);
    let second = world.attempt(at(5)).await;
    assert!(second.in_doubt);
    let uncertain = AfterSend::Uncertain {
        reason: "an earlier part may not have arrived".to_owned(),
    };
    world.finish(&second, &uncertain, at(6)).await;
    let arrived = receipt(&second, ReceiptState::Delivered);
    assert_eq!(
        world.store.note_receipt(&arrived, at(7)).await.unwrap(),
        Noted::Kept,
        "the other part is still missing"
    );
}
