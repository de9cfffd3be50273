//! What commands ask: stopping, standing, usage, pairing, the audit.

use proto::command::{PAIRING_LASTS, PAIRINGS_OPEN_MAX, PairCode};
use proto::ids::ChatId;
use proto::turn::Usage;

use super::World;
use super::world::{at, chat_of, group_id};
use crate::Error;
use crate::pairing::Asked;

fn code(number: u64) -> PairCode {
    PairCode::from_bits(number)
}

impl World {
    /// A main group, in whose name codes are shown.
    async fn main(&self) {
        let id = self.group("main").await;
        let mut main = self.store.group(&id).await.unwrap().unwrap();
        main.is_main = true;
        self.store.put_group(&main).await.unwrap();
    }

    async fn stranger(&self, name: &str) -> ChatId {
        let chat = ChatId::new(format!("test:stranger-{name}"));
        self.chat(chat.clone()).await;
        chat
    }

    async fn ask(&self, chat: &ChatId, number: u64, now: i64) -> Asked {
        let asked = self
            .store
            .ask_pairing(chat, &code(number), self.outbox_id(), at(now))
            .await;
        asked.unwrap()
    }

    async fn shown(&self, chat: &ChatId) -> usize {
        self.store.deliveries_after(chat, 0, 10).await.unwrap().len()
    }
}

pub async fn an_open_turn_is_asked_to_stop_until_it_closes(world: World) {
    let runner = world.runner("r", 5).await;
    let idle = world.group("idle").await;
    assert_eq!(world.store.stop_turn(&idle, at(1)).await.unwrap(), None);
    let (fence, batch) = world.begun("g", &runner).await;
    let to_stop = async || world.store.turns_to_stop(&runner.id, runner.incarnation).await.unwrap();
    assert_eq!(to_stop().await, []);
    assert_eq!(
        world.store.stop_turn(&fence.group, at(2)).await.unwrap(),
        Some(Some(runner.id.clone()))
    );
    assert_eq!(to_stop().await, [(fence.group.clone(), batch.turn)]);
    world.commit(&fence, &batch, vec![], at(3)).await;
    assert_eq!(to_stop().await, []);
    world.call("g", "next", at(4)).await;
    world.begin(&fence, at(5)).await;
    assert_eq!(to_stop().await, [], "it was meant for the turn before");
}

pub async fn a_stop_outlives_the_runner_that_should_have_seen_it(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.store.stop_turn(&fence.group, at(2)).await.unwrap();
    let (again, _) = world.restart(&runner, at(3)).await;
    let fence = world.claim(&again, at(4)).await;
    assert_eq!(world.begin(&fence, at(5)).await.turn, batch.turn);
    let to_stop = world.store.turns_to_stop(&again.id, again.incarnation).await.unwrap();
    assert_eq!(to_stop, [(fence.group, batch.turn)]);
}

pub async fn a_group_says_how_it_stands(world: World) {
    let runner = world.runner("r", 5).await;
    world.group("g").await;
    let standing = async || world.store.group_standing(&group_id("g")).await.unwrap();
    assert_eq!(standing().await, crate::GroupStanding::default());
    let (fence, batch) = world.begun("g", &runner).await;
    let now = standing().await;
    assert_eq!((now.owner.as_ref(), now.unanswered), (Some(&runner.id), 1));
    assert!(now.turn_since.is_some());
    world.commit(&fence, &batch, vec![], at(3)).await;
    let now = standing().await;
    assert_eq!((now.turn_since, now.unanswered), (None, 0));
    assert!(matches!(
        world.store.group_standing(&group_id("none")).await,
        Err(Error::NotFound { .. })
    ));
}

pub async fn usage_is_added_up_from_a_time_on(world: World) {
    let runner = world.runner("r", 5).await;
    for (now, input) in [(10, 3), (20, 4)] {
        let (fence, batch) = world.begun("g", &runner).await;
        let commit = proto::turn::TurnCommit {
            usage: Usage {
                input_tokens: input,
                output_tokens: 1,
                ..Usage::default()
            },
            cost_micros: Some(500),
            ..world.commit_of(batch.turn, batch.messages[0].ord, vec![], at(now))
        };
        world.try_commit(&fence, &commit).await.unwrap();
        world.store.release_group(&fence, false, at(now)).await.unwrap();
    }
    let since = async |now| world.store.usage_since(&group_id("g"), at(now)).await.unwrap();
    let all = since(10).await;
    assert_eq!(
        (
            all.turns,
            all.usage.input_tokens,
            all.usage.output_tokens,
            all.cost_micros
        ),
        (2, 7, 2, 1_000)
    );
    assert_eq!((since(11).await.turns, since(11).await.usage.input_tokens), (1, 4));
    assert_eq!(since(21).await, crate::UsageTotal::default());
}

pub async fn a_chat_that_asks_shows_one_code_while_it_holds(world: World) {
    world.main().await;
    let chat = world.stranger("a").await;
    assert_eq!(world.ask(&chat, 1, 0).await, Asked::Now(code(1)));
    assert_eq!(world.ask(&chat, 2, 1).await, Asked::Before(code(1)));
    assert_eq!(world.shown(&chat).await, 1);
    let lasts = i64::try_from(PAIRING_LASTS.as_millis()).unwrap();
    assert_eq!(world.store.pairings(at(lasts - 1)).await.unwrap().len(), 1);
    assert_eq!(world.store.pairings(at(lasts)).await.unwrap(), []);
    assert_eq!(world.ask(&chat, 3, lasts).await, Asked::Now(code(3)));
    assert_eq!(world.shown(&chat).await, 2);
}

pub async fn only_so_many_chats_ask_at_a_time(world: World) {
    world.main().await;
    for number in 0..u64::from(PAIRINGS_OPEN_MAX) {
        let chat = world.stranger(&number.to_string()).await;
        assert_eq!(world.ask(&chat, number, 0).await, Asked::Now(code(number)));
    }
    let late = world.stranger("late").await;
    assert_eq!(world.ask(&late, 99, 1).await, Asked::TooMany);
    assert_eq!(world.shown(&late).await, 0);
}

pub async fn a_code_is_approved_once_by_somebody_who_is_written_down(world: World) {
    world.main().await;
    let group = world.group("g").await;
    let chat = world.stranger("a").await;
    world.ask(&chat, 1, 0).await;
    let end = async |group| world.store.end_pairing(&code(1), group, "test:ann", at(1)).await;
    let nowhere = group_id("nowhere");
    assert!(matches!(
        end(Some(&nowhere)).await,
        Err(Error::NotFound { what: "group", .. })
    ));
    assert_eq!(end(Some(&group)).await.unwrap(), chat);
    assert_eq!(
        world.store.chat(&chat).await.unwrap().unwrap().group,
        Some(group.clone())
    );
    assert!(
        matches!(end(Some(&group)).await, Err(Error::NotFound { .. })),
        "a code is used once"
    );
    let audit = world.store.audit(5).await.unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (
            audit[0].actor.as_str(),
            audit[0].action.as_str(),
            audit[0].subject.as_str(),
            audit[0].at
        ),
        ("test:ann", "pair.approve", chat.as_str(), at(1))
    );
    let asked = world.store.ask_pairing(&chat, &code(2), world.outbox_id(), at(2)).await;
    assert!(matches!(asked, Err(Error::Conflict(_))), "it has a group");
}

pub async fn a_code_that_is_rejected_pairs_nothing(world: World) {
    world.main().await;
    let chat = world.stranger("a").await;
    world.ask(&chat, 1, 0).await;
    world
        .store
        .end_pairing(&code(1), None, "operator", at(1))
        .await
        .unwrap();
    assert_eq!(world.store.chat(&chat).await.unwrap().unwrap().group, None);
    assert_eq!(world.store.pairings(at(1)).await.unwrap(), []);
    assert_eq!(world.store.audit(5).await.unwrap()[0].action, "pair.reject");
    assert_eq!(world.ask(&chat, 2, 2).await, Asked::Now(code(2)));
}

pub async fn without_a_main_group_nobody_can_ask(world: World) {
    world.group("g").await;
    let chat = world.stranger("a").await;
    let asked = world.store.ask_pairing(&chat, &code(1), world.outbox_id(), at(0)).await;
    assert!(matches!(asked, Err(Error::Conflict(_))), "{asked:?}");
    let known = world
        .store
        .ask_pairing(&chat_of("g"), &code(1), world.outbox_id(), at(0))
        .await;
    assert!(matches!(known, Err(Error::Conflict(_))), "{known:?}");
}
