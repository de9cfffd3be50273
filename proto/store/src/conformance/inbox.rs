//! Appending to the inbox.

use proto::ids::{ChatId, GroupId, RunnerId};
use proto::inbound::{Details, Envelope, Quote};
use proto::trace::TraceContext;

use super::World;
use super::world::{at, chat_of, group_id, texts};
use crate::{Appended, Begun, Error, Letter};

pub async fn duplicates_are_swallowed_for_ever(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    world.group("h").await;
    let envelope = world.envelope("g", "once", true);
    world.append(&envelope, at(0)).await;
    assert_eq!(
        world.store.append_inbox(&envelope, at(1)).await.unwrap(),
        Appended::Duplicate
    );
    let fence = world.claim(&runner, at(1)).await;
    let batch = world.begin(&fence, at(1)).await;
    assert_eq!(batch.messages.len(), 1);
    world.commit(&fence, &batch, vec![], at(2)).await;

    let edited = Envelope {
        text: "twice".to_owned(),
        ..envelope.clone()
    };
    assert_eq!(
        world.store.append_inbox(&edited, at(3)).await.unwrap(),
        Appended::Duplicate
    );
    let elsewhere = Envelope {
        group: group_id("h"),
        ..envelope
    };
    assert_eq!(
        world.store.append_inbox(&elsewhere, at(3)).await.unwrap(),
        Appended::Duplicate
    );
    assert_eq!(
        world.store.begin_turn(&fence, world.turn_id(), at(4)).await.unwrap(),
        Begun::Nothing
    );
}

pub async fn same_timestamp_and_late_messages_are_seen(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    let said = |text, sent| Envelope {
        sent_at: at(sent),
        ..world.envelope("g", text, true)
    };
    world.append(&said("first", 1_000), at(0)).await;
    world.append(&said("same time", 1_000), at(0)).await;
    let fence = world.claim(&runner, at(0)).await;
    let batch = world.begin(&fence, at(0)).await;
    assert_eq!(texts(&batch), ["first", "same time"]);
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.append(&said("late", 500), at(2)).await;
    world.append(&said("same time again", 1_000), at(2)).await;
    assert_eq!(texts(&world.begin(&fence, at(2)).await), ["late", "same time again"]);
}

pub async fn chatter_makes_nothing_ready_and_goes_along_as_context(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    world.chatter("g", "lovely weather", at(0)).await;
    assert!(world.try_claim(&runner, 5, at(1)).await.unwrap().is_empty());
    assert_eq!(world.store.oldest_waiting(at(1)).await.unwrap(), None);
    world.call("g", "@Andy", at(2)).await;
    let fence = world.claim(&runner, at(2)).await;
    let batch = world.begin(&fence, at(2)).await;
    assert_eq!(texts(&batch), ["lovely weather", "@Andy"]);
    world.commit(&fence, &batch, vec![], at(3)).await;
    world.chatter("g", "and so on", at(4)).await;
    assert_eq!(
        world.store.begin_turn(&fence, world.turn_id(), at(5)).await.unwrap(),
        Begun::Nothing
    );
    world.store.release_group(&fence, true, at(6)).await.unwrap();
    assert!(world.try_claim(&runner, 5, at(7)).await.unwrap().is_empty());
}

pub async fn a_message_without_a_registered_group_or_a_known_chat_is_refused(world: World) {
    world.group("g").await;
    world.chat(chat_of("x")).await;
    let no_group = world.store.append_inbox(&world.envelope("x", "hi", true), at(0)).await;
    assert!(matches!(no_group, Err(Error::NotFound { what: "group", .. })));
    let no_chat = Envelope {
        chat: ChatId::new("test:unseen"),
        ..world.envelope("g", "hi", true)
    };
    let no_chat = world.store.append_inbox(&no_chat, at(0)).await;
    assert!(matches!(no_chat, Err(Error::NotFound { what: "chat", .. })));
    assert_eq!(
        world.store.oldest_waiting(at(1)).await.unwrap(),
        None,
        "a refused message wakes nobody"
    );
}

pub async fn chats_of_waiting_groups_are_named(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("a").await;
    world.group("b").await;
    world.group("c").await;
    world.chat(ChatId::new("test:side")).await;
    world.call("b", "hi", at(0)).await;
    world.chatter("a", "well", at(1)).await;
    let side = Envelope {
        chat: ChatId::new("test:side"),
        ..world.envelope("a", "hi", true)
    };
    world.append(&side, at(1)).await;
    world.call("a", "hi again", at(2)).await;
    let early = world.store.waiting_chats(&runner.id, at(0), None, 10).await.unwrap();
    assert_eq!(early, [(group_id("b"), chat_of("b"))], "ready since then");
    let waiting = world.store.waiting_chats(&runner.id, at(3), None, 10).await.unwrap();
    assert_eq!(
        waiting,
        [(group_id("a"), ChatId::new("test:side")), (group_id("b"), chat_of("b"))]
    );
    world.try_claim(&runner, 5, at(3)).await.unwrap();
    assert!(
        world
            .store
            .waiting_chats(&runner.id, at(3), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn all_waiting_chats_are_named_page_by_page(world: World) {
    for name in ["c", "a", "d", "b", "e"] {
        world.group(name).await;
        world.call(name, "hi", at(0)).await;
    }
    let mut pages: Vec<Vec<(GroupId, ChatId)>> = Vec::new();
    loop {
        let after = pages.last().and_then(|page| page.last()).map(|(group, _)| group);
        let page = world
            .store
            .waiting_chats(&RunnerId::new("r"), at(1), after, 2)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        pages.push(page);
    }
    let names: Vec<Vec<_>> = pages
        .iter()
        .map(|page| page.iter().map(|(group, _)| group.as_str()).collect())
        .collect();
    assert_eq!(names, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
}

pub async fn chats_left_behind_by_an_earlier_life_wait_too(world: World) {
    let runner = world.runner("r", 5).await;
    world.begun("interrupted", &runner).await;
    let (fence, batch) = world.begun("idle", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    let other = world.runner("other", 5).await;
    world.begun("served", &other).await;
    assert!(
        world
            .store
            .waiting_chats(&runner.id, at(2), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let interrupted = [(group_id("interrupted"), chat_of("interrupted"))];
    world.runner("r", 5).await;
    let waiting = world.store.waiting_chats(&runner.id, at(3), None, 10).await.unwrap();
    assert_eq!(waiting, interrupted, "before its group is freed");
    let of_other = world.store.waiting_chats(&other.id, at(3), None, 10).await.unwrap();
    assert!(of_other.is_empty(), "they do not wait for another runner");
    world.restart(&runner, at(4)).await;
    let waiting = world.store.waiting_chats(&runner.id, at(4), None, 10).await.unwrap();
    assert_eq!(waiting, interrupted, "and after");
}

pub async fn nobody_waits_for_a_runner_while_another_has_its_hands_full(world: World) {
    let (idle, busy) = (world.runner("idle", 5).await, world.runner("busy", 2).await);
    world.begun("first", &busy).await;
    world.group("next").await;
    world.call("next", "hi", at(1)).await;
    let waiting = async || world.store.waiting_chats(&idle.id, at(2), None, 10).await.unwrap();
    let next = [(group_id("next"), chat_of("next"))];
    assert_eq!(waiting().await, next, "one with a free slot would have taken it");
    let (second, _) = world.begun("second", &busy).await;
    assert!(waiting().await.is_empty(), "it serves: this is a queue, not an outage");
    world.store.release_group(&second, true, at(3)).await.unwrap();
    assert_eq!(waiting().await.last(), next.last());
}

pub async fn trace_contexts_come_back(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    let traced = |text| Envelope {
        trace: Some(TraceContext::start(world.turn_id().0)),
        ..world.envelope("g", text, true)
    };
    let (first, second, untraced) = (traced("a"), traced("b"), world.envelope("g", "c", true));
    world.append(&first, at(0)).await;
    let fence = world.claim(&runner, at(0)).await;
    let batch = world.begin(&fence, at(0)).await;
    assert_eq!(batch.messages[0].envelope, first);
    world.append(&second, at(1)).await;
    world.append(&untraced, at(1)).await;
    let follow_ups = world
        .store
        .read_follow_ups(&fence, batch.messages[0].ord)
        .await
        .unwrap();
    let follow_ups: Vec<_> = follow_ups.into_iter().map(|message| message.envelope).collect();
    assert_eq!(follow_ups, [second, untraced]);
    world.give_up(&fence, batch.turn, batch.messages[0].ord, at(2)).await;
    let letter = world.store.dead_letters(1).await.unwrap().remove(0);
    assert_eq!(letter.letter, Letter::Message(batch.messages[0].clone()));
}

pub async fn what_came_beside_a_text_comes_back(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let beside = Envelope {
        details: Details {
            quote: Some(Quote {
                sender_name: "Ann".to_owned(),
                text: "before".to_owned(),
            }),
            ..Details::default()
        },
        ..world.envelope("g", "beside", true)
    };
    world.append(&beside, at(1)).await;
    let after = batch.messages[0].ord;
    let read = world.store.read_follow_ups(&fence, after).await.unwrap();
    assert_eq!(read[0].envelope, beside);
}
