//! Failed attempts, dead letters and dead runners.

use proto::ids::SessionId;
use proto::turn::{AfterFailure, TurnFailure, TurnState};

use super::World;
use super::world::{at, chat_of, group_id, texts};

pub async fn a_failed_attempt_waits_and_is_counted(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.fail(&fence, batch.turn, at(5_000), at(1)).await;
    let record = world.store.turn(batch.turn).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.error.as_deref()),
        (TurnState::Open, Some("it broke"))
    );
    assert!(world.try_claim(&runner, 5, at(4_999)).await.unwrap().is_empty());
    assert_eq!(world.store.oldest_waiting(at(4_999)).await.unwrap(), None);
    world.call("g", "hurry", at(4_000)).await;
    assert!(
        world.try_claim(&runner, 5, at(4_999)).await.unwrap().is_empty(),
        "a new message does not cut it short"
    );
    let fence = world.claim(&runner, at(5_000)).await;
    let again = world.begin(&fence, at(5_000)).await;
    assert_eq!(
        (again.turn, again.attempt, texts(&again)),
        (batch.turn, 2, vec!["hello", "hurry"])
    );
}

pub async fn a_lost_session_is_not_resumed_again(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let (session, through) = (SessionId::new("gone"), batch.messages[0].ord);
    world
        .store
        .mark_prompted(&fence, batch.turn, through, &session)
        .await
        .unwrap();
    let failure = TurnFailure {
        turn: batch.turn,
        reason: "no such session".to_owned(),
        next: AfterFailure::Retry { not_before: at(1) },
        forget_session: true,
        now: at(1),
    };
    world
        .store
        .fail_turn(&fence, &failure, world.outbox_id())
        .await
        .unwrap();
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    assert_eq!((again.turn, again.session, again.interrupted), (batch.turn, None, None));
}

pub async fn a_message_given_up_becomes_a_dead_letter_with_a_notice(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.give_up(&fence, batch.turn, batch.messages[0].ord, at(7)).await;
    let letters = world.store.dead_letters(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].letter, crate::Letter::Message(batch.messages[0].clone()));
    assert_eq!(letters[0].at, at(7));
    assert_eq!(letters[0].reason, "it broke for good");
    let record = world.store.turn(batch.turn).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.error.as_deref()),
        (TurnState::DeadLettered, Some("it broke for good"))
    );
    let said = world
        .store
        .due_deliveries("test", World::ACCOUNT, at(8), 10)
        .await
        .unwrap();
    assert_eq!((said.len(), said[0].text.as_str()), (1, "sorry"));
    assert!(
        world.try_claim(&runner, 5, at(10_000)).await.unwrap().is_empty(),
        "nothing else was pending"
    );
}

pub async fn messages_behind_a_dead_letter_are_served(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.call("g", "innocent", at(1)).await;
    world.fail(&fence, batch.turn, at(2), at(2)).await;
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    world.give_up(&fence, again.turn, batch.messages[0].ord, at(3)).await;
    let fence = world.claim(&runner, at(3)).await;
    let next = world.begin(&fence, at(3)).await;
    assert_ne!(next.turn, batch.turn);
    assert_eq!((next.attempt, texts(&next)), (1, vec!["innocent"]));
    assert_eq!(world.store.dead_letters(10).await.unwrap().len(), 1);
}

pub async fn runner_death_is_not_an_attempt(world: World) {
    let mut runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.fail(&fence, batch.turn, at(1), at(1)).await;
    for deaths in 0..3 {
        let fence = world.claim(&runner, at(2)).await;
        let again = world.begin(&fence, at(2)).await;
        assert_eq!((again.attempt, again.runner_deaths), (2, deaths));
        let (next, freed) = world.restart(&runner, at(3)).await;
        assert_eq!(freed, [group_id("g")]);
        runner = next;
    }
}

pub async fn runner_deaths_are_forgotten_with_the_turn(world: World) {
    let runner = world.runner("r", 5).await;
    world.begun("g", &runner).await;
    let (runner, _) = world.restart(&runner, at(1)).await;
    let fence = world.claim(&runner, at(2)).await;
    let batch = world.begin(&fence, at(2)).await;
    assert_eq!(batch.runner_deaths, 1);
    world.commit(&fence, &batch, vec![], at(3)).await;
    world.call("g", "next", at(4)).await;
    assert_eq!(world.begin(&fence, at(4)).await.runner_deaths, 0);
}

pub async fn an_interrupted_attempt_is_given_back(world: World) {
    let runner = world.runner("r", 5).await;
    world.begun("g", &runner).await;
    let (runner, _) = world.restart(&runner, at(1)).await;
    for _ in 0..3 {
        let fence = world.claim(&runner, at(2)).await;
        let batch = world.begin(&fence, at(2)).await;
        assert_eq!((batch.attempt, batch.runner_deaths), (1, 1));
        world.store.release_group(&fence, true, at(2)).await.unwrap();
    }
}

pub async fn an_attempt_that_is_not_given_back_counts(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.store.release_group(&fence, false, at(1)).await.unwrap();
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    assert_eq!((again.turn, again.attempt), (batch.turn, 2));
    world.commit(&fence, &again, vec![], at(3)).await;
    world.store.release_group(&fence, false, at(4)).await.unwrap();
    world.call("g", "next", at(5)).await;
    let fence = world.claim(&runner, at(6)).await;
    assert_eq!(world.begin(&fence, at(6)).await.attempt, 1);
    assert!(
        world
            .store
            .deliveries_after(&chat_of("g"), 0, 1)
            .await
            .unwrap()
            .is_empty()
    );
}
