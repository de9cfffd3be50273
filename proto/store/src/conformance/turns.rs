//! The life of a turn.

use proto::claim::Fence;
use proto::ids::{Epoch, InboxOrd, SessionId, TurnId};
use proto::prompt::{MESSAGES_MAX, PENDING_MAX, last_ord};
use proto::turn::{AfterFailure, Committed, Interrupted, Said, TurnBatch, TurnFailure, TurnState};

use super::World;
use super::world::{at, chat_of, reply, texts};
use crate::{Begun, Error, Result, TranscriptPart};

async fn assert_fenced(world: &World, fence: &Fence, batch: &TurnBatch) {
    let session = SessionId::new("session");
    let effect = reply("tool", fence.group.as_str(), "early");
    let part = TranscriptPart {
        session: session.clone(),
        subpath: None,
        entries: vec![serde_json::json!({"n": 1})],
    };
    let through = batch.messages.last().unwrap().ord;
    let commit = world.commit_of(batch.turn, through, vec![effect.clone()], at(9));
    let next = AfterFailure::Retry { not_before: at(9) };
    let failure = TurnFailure {
        turn: batch.turn,
        forget_session: false,
        reason: "late".to_owned(),
        next,
        now: at(9),
    };
    let store = &world.store;
    fn fenced<T: std::fmt::Debug>(result: Result<T>) {
        assert!(matches!(result, Err(Error::Fenced(_))), "{result:?}");
    }
    fenced(store.begin_turn(fence, world.turn_id(), at(9)).await);
    fenced(store.read_follow_ups(fence, InboxOrd::ZERO).await);
    fenced(store.mark_prompted(fence, batch.turn, through, &session).await);
    fenced(
        store
            .record_effect(fence, batch.turn, &effect, world.outbox_id(), at(9))
            .await,
    );
    fenced(store.append_transcript(fence, &part).await);
    fenced(world.try_commit(fence, &commit).await);
    fenced(store.fail_turn(fence, &failure, world.outbox_id()).await);
    fenced(store.release_group(fence, true, at(9)).await);
}

pub async fn stale_epoch_cannot_do_anything(world: World) {
    let runner = world.runner("r", 5).await;
    let (stale, batch) = world.begun("g", &runner).await;
    world.store.release_group(&stale, true, at(1)).await.unwrap();
    let fence = world.claim(&runner, at(2)).await;
    assert_fenced(&world, &stale, &batch).await;
    assert_fenced(
        &world,
        &Fence {
            epoch: Epoch(fence.epoch.0 + 1),
            ..fence.clone()
        },
        &batch,
    )
    .await;
    let batch = world.begin(&fence, at(3)).await;
    assert_fenced(&world, &stale, &batch).await;
    world.commit(&fence, &batch, vec![], at(4)).await;
    assert!(
        world
            .store
            .deliveries_after(&batch.messages[0].envelope.chat, 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn an_ended_claim_cannot_do_anything(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.fail(&fence, batch.turn, at(5), at(1)).await;
    assert_fenced(&world, &fence, &batch).await;
}

pub async fn commit_in_doubt_is_found(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let through = batch.messages[0].ord;
    let commit = world.commit_of(batch.turn, through, vec![reply("final", "g", "done")], at(1));
    assert_eq!(
        world.try_commit(&fence, &commit).await.unwrap(),
        Committed::Now { more: false }
    );
    assert_eq!(world.try_commit(&fence, &commit).await.unwrap(), Committed::Before);
    let record = world.store.turn(batch.turn).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.group, record.attempt),
        (TurnState::Committed, fence.group.clone(), 1)
    );
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    assert_eq!(
        world.try_commit(&fence, &commit).await.unwrap(),
        Committed::Before,
        "also when the claim is over"
    );
    let said = world
        .store
        .deliveries_after(&batch.messages[0].envelope.chat, 0, 10)
        .await
        .unwrap();
    assert_eq!(said.len(), 1);
}

pub async fn a_turn_that_was_closed_is_not_begun_again(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.call("g", "meanwhile", at(2)).await;
    let late = world.store.begin_turn(&fence, batch.turn, at(3)).await;
    assert!(late.is_err(), "a call held up until after the commit: {late:?}");
    let record = world.store.turn(batch.turn).await.unwrap().unwrap();
    assert_eq!(record.state, TurnState::Committed);
    assert_eq!(texts(&world.begin(&fence, at(4)).await), ["meanwhile"]);
}

pub async fn a_commit_of_another_claim_is_not_mistaken_for_ones_own(world: World) {
    let runner = world.runner("r", 5).await;
    let (paused, batch) = world.begun("g", &runner).await;
    let (runner, _) = world.restart(&runner, at(1)).await;
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    assert_eq!(again.turn, batch.turn);
    world.commit(&fence, &again, vec![], at(3)).await;
    let late = world.commit_of(
        batch.turn,
        batch.messages[0].ord,
        vec![reply("final", "g", "late")],
        at(4),
    );
    assert!(matches!(world.try_commit(&paused, &late).await, Err(Error::Fenced(_))));
}

pub async fn cursor_never_decreases(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, first) = world.begun("g", &runner).await;
    world.commit(&fence, &first, vec![], at(1)).await;
    world.call("g", "second", at(2)).await;
    let second = world.begin(&fence, at(2)).await;
    for through in [second.cursor, InboxOrd(second.cursor.0 - 1), InboxOrd::ZERO] {
        let commit = world.commit_of(second.turn, through, vec![], at(3));
        assert!(matches!(
            world.try_commit(&fence, &commit).await,
            Err(Error::Conflict(_))
        ));
    }
    assert_eq!(world.begin(&fence, at(4)).await.cursor, second.cursor);
}

pub async fn the_cursor_stays_within_the_inbox(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let beyond = world.commit_of(batch.turn, InboxOrd(1_000), vec![], at(1));
    assert!(matches!(
        world.try_commit(&fence, &beyond).await,
        Err(Error::Conflict(_))
    ));
    let notice = reply("notice", "g", "sorry");
    let next = AfterFailure::DeadLetter {
        through: InboxOrd(1_000),
        notice,
    };
    let failure = TurnFailure {
        turn: batch.turn,
        forget_session: false,
        reason: "x".to_owned(),
        next,
        now: at(1),
    };
    let refused = world.store.fail_turn(&fence, &failure, world.outbox_id()).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
}

pub async fn a_failed_commit_changes_nothing(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let replies = vec![reply("final", "g", "fine"), reply("extra:1", "nowhere", "not fine")];
    let commit = world.commit_of(batch.turn, batch.messages[0].ord, replies, at(1));
    assert!(matches!(
        world.try_commit(&fence, &commit).await,
        Err(Error::NotFound { what: "chat", .. })
    ));
    assert_eq!(
        world.store.turn(batch.turn).await.unwrap().unwrap().state,
        TurnState::Open
    );
    assert!(
        world
            .store
            .deliveries_after(&batch.messages[0].envelope.chat, 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let again = world.begin(&fence, at(2)).await;
    assert_eq!((again.turn, again.cursor), (batch.turn, batch.cursor));
    world
        .commit(&fence, &again, vec![reply("final", "g", "fine")], at(3))
        .await;
}

pub async fn two_replies_with_one_key_are_refused(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let replies = vec![reply("final", "g", "one"), reply("final", "g", "another")];
    let commit = world.commit_of(batch.turn, batch.messages[0].ord, replies, at(1));
    assert!(matches!(
        world.try_commit(&fence, &commit).await,
        Err(Error::Conflict(_))
    ));
    let record = world.store.turn(batch.turn).await.unwrap().unwrap();
    assert_eq!(record.state, TurnState::Open);
    world
        .commit(&fence, &batch, vec![reply("final", "g", "one")], at(2))
        .await;
}

pub async fn a_commit_says_whether_more_calls_the_agent(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.chatter("g", "by the way", at(1)).await;
    let commit = world.commit_of(batch.turn, batch.messages[0].ord, Vec::new(), at(1));
    let committed = world.try_commit(&fence, &commit).await.unwrap();
    assert_eq!(committed, Committed::Now { more: false }, "chatter calls nobody");
    world.call("g", "two", at(2)).await;
    let batch = world.begin(&fence, at(2)).await;
    world.call("g", "three", at(3)).await;
    let through = batch.messages.last().unwrap().ord;
    let commit = world.commit_of(batch.turn, through, Vec::new(), at(3));
    let committed = world.try_commit(&fence, &commit).await.unwrap();
    assert_eq!(committed, Committed::Now { more: true });
}

pub async fn messages_during_a_turn_wait_for_the_next(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.call("g", "meanwhile", at(1)).await;
    world.commit(&fence, &batch, vec![], at(2)).await;
    let next = world.begin(&fence, at(3)).await;
    assert_ne!(next.turn, batch.turn);
    assert_eq!((texts(&next), next.cursor), (vec!["meanwhile"], batch.messages[0].ord));
    world.store.release_group(&fence, true, at(4)).await.unwrap();
    assert_eq!(
        world.claim_names(&runner, 1, at(4)).await,
        ["g"],
        "what is pending makes it ready at once"
    );
}

pub async fn follow_ups_do_not_move_the_cursor(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.call("g", "and this", at(1)).await;
    let seen = batch.messages[0].ord;
    let follow_ups = world.store.read_follow_ups(&fence, seen).await.unwrap();
    assert_eq!(
        follow_ups
            .iter()
            .map(|message| message.envelope.text.as_str())
            .collect::<Vec<_>>(),
        ["and this"]
    );
    assert!(
        world
            .store
            .read_follow_ups(&fence, follow_ups[0].ord)
            .await
            .unwrap()
            .is_empty()
    );
    world.store.release_group(&fence, true, at(2)).await.unwrap();
    let fence = world.claim(&runner, at(3)).await;
    assert_eq!(texts(&world.begin(&fence, at(3)).await), ["hello", "and this"]);
}

pub async fn chatter_alone_is_no_follow_up(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let seen = batch.messages[0].ord;
    for n in 0..=PENDING_MAX {
        world.chatter("g", &format!("{n}"), at(1)).await;
    }
    let follow_ups = world.store.read_follow_ups(&fence, seen).await.unwrap();
    assert!(follow_ups.is_empty(), "however much of it there is");
}

pub async fn chatter_does_not_hide_a_follow_up(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    for n in 0..MESSAGES_MAX + 50 {
        world.chatter("g", &format!("{n}"), at(1)).await;
    }
    let call = world.call("g", "and this", at(2)).await;
    world.chatter("g", "well", at(3)).await;
    let seen = batch.messages[0].ord;
    let follow_ups = world.store.read_follow_ups(&fence, seen).await.unwrap();
    assert_eq!(
        (follow_ups.len(), last_ord(&follow_ups)),
        (MESSAGES_MAX + 51, Some(call)),
        "the chatter before it goes along, the chatter after it has time"
    );
}

pub async fn follow_ups_are_what_a_new_turn_would_take(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    for n in 0..PENDING_MAX + 50 {
        world.chatter("g", &format!("{n}"), at(1)).await;
    }
    world.call("g", "and this", at(2)).await;
    let mut seen = batch.messages[0].ord;
    let mut sizes = Vec::new();
    let first = world.store.read_follow_ups(&fence, seen).await.unwrap();
    let mut follow_ups = first.clone();
    while let Some(last) = last_ord(&follow_ups) {
        sizes.push(follow_ups.len());
        seen = last;
        follow_ups = world.store.read_follow_ups(&fence, seen).await.unwrap();
    }
    assert_eq!(sizes, [PENDING_MAX, 51]);
    world.commit(&fence, &batch, vec![], at(3)).await;
    assert_eq!(world.begin(&fence, at(4)).await.messages, first);
}

pub async fn an_interrupted_turn_is_taken_up_under_its_old_id(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let follow_up = world.call("g", "and this", at(1)).await;
    let session = SessionId::new("new session");
    world
        .store
        .mark_prompted(&fence, batch.turn, batch.messages[0].ord, &session)
        .await
        .unwrap();
    world
        .store
        .mark_prompted(&fence, batch.turn, follow_up, &session)
        .await
        .unwrap();
    world
        .store
        .mark_prompted(&fence, batch.turn, batch.messages[0].ord, &session)
        .await
        .unwrap();
    for (n, text) in ["one", "two"].iter().enumerate() {
        let effect = reply(&format!("tool-{n}"), "g", text);
        world
            .store
            .record_effect(&fence, batch.turn, &effect, world.outbox_id(), at(2))
            .await
            .unwrap();
    }
    let (runner, _) = world.restart(&runner, at(3)).await;
    world.call("g", "newest", at(4)).await;
    let fence = world.claim(&runner, at(4)).await;
    let again = world.begin(&fence, at(4)).await;
    assert_eq!(again.turn, batch.turn);
    assert_eq!(texts(&again), ["hello", "and this", "newest"]);
    assert_eq!(again.session, Some(session));
    let said = |text: &str| Said {
        chat: chat_of("g"),
        text: text.to_owned(),
        sender: None,
    };
    let already_sent = vec![said("one"), said("two")];
    assert_eq!(
        again.interrupted,
        Some(Interrupted {
            seen_through: follow_up,
            already_sent
        })
    );
}

pub async fn a_later_attempt_covers_what_the_session_has_seen(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let mut last = InboxOrd::ZERO;
    for n in 0..MESSAGES_MAX + 50 {
        last = world.chatter("g", &format!("{n}"), at(1)).await;
    }
    let seen_through = InboxOrd(last.0 - 20);
    world
        .store
        .mark_prompted(&fence, batch.turn, seen_through, &SessionId::new("s"))
        .await
        .unwrap();
    world.fail(&fence, batch.turn, at(2), at(2)).await;
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    assert_eq!(again.messages.last().unwrap().ord, seen_through);
}

pub async fn an_attempt_that_never_prompted_is_no_interruption(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.fail(&fence, batch.turn, at(2), at(1)).await;
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    assert_eq!((again.turn, again.attempt, again.interrupted), (batch.turn, 2, None));
}

pub async fn a_second_turn_in_the_same_claim_is_a_first_attempt(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    assert_eq!(batch.attempt, 1);
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.call("g", "again", at(2)).await;
    let second = world.begin(&fence, at(2)).await;
    assert_eq!(second.attempt, 1);
    world.fail(&fence, second.turn, at(3), at(3)).await;
    let fence = world.claim(&runner, at(3)).await;
    assert_eq!(world.begin(&fence, at(3)).await.attempt, 2);
}

pub async fn the_session_of_the_last_commit_is_resumed(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    assert_eq!(batch.session, None);
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.call("g", "again", at(2)).await;
    let second = world.begin(&fence, at(2)).await;
    assert_eq!(second.session, Some(SessionId::new("session")));
}

pub async fn a_busy_group_goes_behind_those_that_waited(world: World) {
    let runner = world.runner("r", 1).await;
    let (fence, batch) = world.begun("busy", &runner).await;
    world.call("busy", "more", at(1)).await;
    world.group("other").await;
    world.call("other", "hi", at(5)).await;
    world.commit(&fence, &batch, vec![], at(10)).await;
    world.store.release_group(&fence, false, at(11)).await.unwrap();
    assert_eq!(world.claim_names(&runner, 1, at(12)).await, ["other"]);
}

pub async fn more_messages_than_fit_are_taken_in_order(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, first) = world.begun("g", &runner).await;
    world.commit(&fence, &first, vec![], at(0)).await;
    for n in 0..MESSAGES_MAX + 30 {
        world.call("g", &format!("{n}"), at(1)).await;
    }
    let mut seen = Vec::new();
    while let Begun::Turn(batch) = world.store.begin_turn(&fence, world.turn_id(), at(2)).await.unwrap() {
        assert!(batch.messages.len() <= MESSAGES_MAX);
        seen.extend(texts(&batch).into_iter().map(str::to_owned));
        world.commit(&fence, &batch, vec![], at(3)).await;
    }
    let all: Vec<_> = (0..MESSAGES_MAX + 30).map(|n| n.to_string()).collect();
    assert_eq!(seen, all);
    assert_eq!(world.store.turn(TurnId(uuid::Uuid::max())).await.unwrap(), None);
}
