//! Early effects.

use proto::claim::Fence;
use proto::ids::{OutboxId, TurnId};
use proto::outbound::Reply;
use proto::turn::Recorded;

use super::World;
use super::world::{at, chat_of, reply};
use crate::Error;

pub async fn early_effect_is_recorded_once_per_tool_use(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let effect = reply("tool-1", "g", "early");
    let id = world.outbox_id();
    let first = world
        .store
        .record_effect(&fence, batch.turn, &effect, id, at(1))
        .await
        .unwrap();
    assert_eq!(first, Recorded::New(id));
    let second = world
        .store
        .record_effect(&fence, batch.turn, &effect, world.outbox_id(), at(2))
        .await
        .unwrap();
    assert_eq!(second, Recorded::Already(id));
    let due = world
        .store
        .due_deliveries("test", World::ACCOUNT, at(2), 10)
        .await
        .unwrap();
    assert_eq!(due.len(), 1, "it is sent before the turn commits");
    assert_eq!(
        (due[0].id, due[0].turn, due[0].text.as_str()),
        (id, Some(batch.turn), "early")
    );
}

pub async fn a_repeated_text_of_an_interrupted_attempt_is_the_same_effect(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let mut sent = Vec::new();
    for key in ["a", "b"] {
        let id = world.outbox_id();
        world
            .store
            .record_effect(&fence, batch.turn, &reply(key, "g", "ping"), id, at(1))
            .await
            .unwrap();
        sent.push(id);
    }
    world.fail(&fence, batch.turn, at(2), at(2)).await;
    // The second attempt says it three times: twice it is what the first attempt sent, in order; then it is new.
    let fence = world.claim(&runner, at(2)).await;
    world.begin(&fence, at(2)).await;
    let fresh = world.outbox_id();
    let mut recorded = Vec::new();
    for key in ["c", "d", "e"] {
        let effect = reply(key, "g", "ping");
        recorded.push(
            world
                .store
                .record_effect(&fence, batch.turn, &effect, fresh, at(3))
                .await
                .unwrap(),
        );
    }
    assert_eq!(
        recorded,
        [
            Recorded::Already(sent[0]),
            Recorded::Already(sent[1]),
            Recorded::New(fresh)
        ]
    );
    // Another text, another speaker, another chat: not the same.
    world.group("h").await;
    let others = [
        reply("f", "g", "pong"),
        Reply {
            sender: Some("Boss".to_owned()),
            ..reply("g", "g", "ping")
        },
        Reply {
            chat: chat_of("h"),
            ..reply("h", "g", "ping")
        },
    ];
    for effect in others {
        let id = world.outbox_id();
        let recorded = world
            .store
            .record_effect(&fence, batch.turn, &effect, id, at(3))
            .await
            .unwrap();
        assert_eq!(recorded, Recorded::New(id));
    }
    world.fail(&fence, batch.turn, at(4), at(4)).await;
    // A third attempt may be given each of the three again.
    let fence = world.claim(&runner, at(4)).await;
    world.begin(&fence, at(4)).await;
    let mut ids: Vec<OutboxId> = Vec::new();
    for key in ["i", "j", "k"] {
        let effect = reply(key, "g", "ping");
        let recorded = world
            .store
            .record_effect(&fence, batch.turn, &effect, world.outbox_id(), at(5))
            .await
            .unwrap();
        ids.push(recorded.outbox_id());
    }
    assert_eq!(ids, [sent[0], sent[1], fresh]);
}

pub async fn an_effect_said_again_is_found_when_its_call_is_repeated(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let id = world.outbox_id();
    let first = reply("a", "g", "ping");
    world
        .store
        .record_effect(&fence, batch.turn, &first, id, at(1))
        .await
        .unwrap();
    world.fail(&fence, batch.turn, at(2), at(2)).await;
    let fence = world.claim(&runner, at(2)).await;
    world.begin(&fence, at(2)).await;
    // Once, and again because the answer was lost.
    for _ in 0..2 {
        let again = reply("b", "g", "ping");
        let recorded = world
            .store
            .record_effect(&fence, batch.turn, &again, world.outbox_id(), at(3))
            .await
            .unwrap();
        assert_eq!(recorded, Recorded::Already(id));
    }
}

pub async fn a_repeated_text_within_one_attempt_is_said_again(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    for key in ["a", "b"] {
        let id = world.outbox_id();
        let recorded = world
            .store
            .record_effect(&fence, batch.turn, &reply(key, "g", "ping"), id, at(1))
            .await
            .unwrap();
        assert_eq!(recorded, Recorded::New(id));
    }
}

pub async fn attempts_are_told_apart_after_a_runner_death(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let id = world.outbox_id();
    world
        .store
        .record_effect(&fence, batch.turn, &reply("a", "g", "ping"), id, at(1))
        .await
        .unwrap();
    let (runner, _) = world.restart(&runner, at(2)).await;
    let fence = world.claim(&runner, at(3)).await;
    assert_eq!(
        world.begin(&fence, at(3)).await.attempt,
        batch.attempt,
        "the number repeats"
    );
    let effect = reply("b", "g", "ping");
    let recorded = world
        .store
        .record_effect(&fence, batch.turn, &effect, world.outbox_id(), at(4))
        .await
        .unwrap();
    assert_eq!(recorded, Recorded::Already(id));
}

pub async fn an_early_key_cannot_stand_in_the_way_of_the_answer(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let effect = reply("final", "g", "the agent chose this key");
    world
        .store
        .record_effect(&fence, batch.turn, &effect, world.outbox_id(), at(1))
        .await
        .unwrap();
    world
        .commit(&fence, &batch, vec![reply("final", "g", "answer")], at(2))
        .await;
    let said = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    assert_eq!(said.len(), 2);
}

pub async fn a_late_effect_of_a_turn_committed_by_this_claim_is_recorded(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world
        .commit(&fence, &batch, vec![reply("final", "g", "answer")], at(1))
        .await;
    let (effect, id) = (reply("late", "g", "one more thing"), world.outbox_id());
    let record = |fresh: OutboxId| world.store.record_effect(&fence, batch.turn, &effect, fresh, at(2));
    assert_eq!(record(id).await.unwrap(), Recorded::New(id));
    assert_eq!(record(world.outbox_id()).await.unwrap(), Recorded::Already(id));
    world.call("g", "next", at(3)).await;
    let next = world.begin(&fence, at(3)).await;
    assert_ne!(next.turn, batch.turn);
    assert_eq!(
        record(world.outbox_id()).await.unwrap(),
        Recorded::Already(id),
        "also when the next turn has begun"
    );
    let said = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    let said: Vec<_> = said.iter().map(|row| (row.turn, row.text.as_str())).collect();
    assert_eq!(
        said,
        [(Some(batch.turn), "answer"), (Some(batch.turn), "one more thing")]
    );
}

pub async fn a_late_effect_of_another_claim_is_refused(world: World) {
    let runner = world.runner("r", 5).await;
    let (old, batch) = world.begun("g", &runner).await;
    world.commit(&old, &batch, vec![], at(1)).await;
    world.store.release_group(&old, false, at(2)).await.unwrap();
    world.call("g", "next", at(3)).await;
    let new = world.claim(&runner, at(3)).await;
    let record = |fence: Fence, turn: TurnId| {
        let (store, id) = (world.store.clone(), world.outbox_id());
        async move {
            let effect = reply("late", "g", "too late");
            store.record_effect(&fence, turn, &effect, id, at(4)).await
        }
    };
    assert!(matches!(record(old, batch.turn).await, Err(Error::Fenced(_))));
    assert!(matches!(record(new.clone(), batch.turn).await, Err(Error::Conflict(_))));
    // Nor of an open turn that this claim has not taken up.
    let open = world.begin(&new, at(5)).await;
    world.fail(&new, open.turn, at(5), at(5)).await;
    let newest = world.claim(&runner, at(6)).await;
    assert!(matches!(record(newest, open.turn).await, Err(Error::Conflict(_))));
    let said = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    assert!(said.is_empty());
}

pub async fn an_effect_needs_a_known_chat_and_a_known_turn(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let record = |turn: TurnId, effect: Reply| {
        let (store, fence, id) = (world.store.clone(), fence.clone(), world.outbox_id());
        async move { store.record_effect(&fence, turn, &effect, id, at(1)).await }
    };
    assert!(matches!(
        record(batch.turn, reply("a", "unseen", "hi")).await,
        Err(Error::NotFound { what: "chat", .. })
    ));
    assert!(matches!(
        record(world.turn_id(), reply("b", "g", "hi")).await,
        Err(Error::NotFound { what: "turn", .. })
    ));
    let said = world.store.deliveries_after(&chat_of("g"), 0, 10).await.unwrap();
    assert!(said.is_empty());
}
