//! What people see of commands: the real intake over real rows.

use proto::command::{ADMINS_ONLY, SessionCommand};
use proto::group::ChatSeen;
use proto::ids::{ChatId, GroupId};
use proto::inbound::{Addressed, EventKind, InboundEvent};

use crate::intake::Taken;
use crate::world::World;

/// Somebody without rights.
const BOB: &str = "bob";
/// An admin of the test world.
const ANN: &str = "ann";

fn event(world: &World, seen: &ChatSeen, sender: &str, text: &str) -> InboundEvent {
    InboundEvent {
        dedup_key: format!("test:bot:{}", world.uuid()),
        chat: seen.id.clone(),
        sender: sender.to_owned(),
        sender_name: sender.to_owned(),
        text: text.to_owned(),
        sent_at: seen.seen_at,
        is_from_me: false,
        is_bot: false,
        addressed: Addressed::No,
        kind: EventKind::Message,
        quote: None,
        files: Vec::new(),
        trace: None,
    }
}

async fn take(world: &World, chat: &str, sender: &str, text: &str) -> Taken {
    let seen = world.seen(chat);
    let event = event(world, &seen, sender, text);
    world.intake().take(&seen, event, None).await.unwrap()
}

async fn told(world: &World, chat: &str) -> Vec<String> {
    let rows = world.store.deliveries_after(&ChatId::new(chat), 0, 100).await.unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

async fn team(world: &World) -> GroupId {
    let team = world.group("team", false).await;
    world.chat("test:team", &team).await;
    team
}

#[tokio::test]
async fn op_01_a_session_command_goes_into_the_inbox_in_order_and_is_a_turn_of_its_own() {
    let world = World::new();
    team(&world).await;
    assert_eq!(take(&world, "test:team", ANN, "@Andy hello").await, Taken::Accepted);
    assert_eq!(take(&world, "test:team", ANN, "@Andy /compact").await, Taken::Accepted);
    assert_eq!(take(&world, "test:team", ANN, "/new").await, Taken::Accepted);
    let (fence, first) = world.begin_turn().await;
    let texts = |batch: &proto::turn::TurnBatch| -> Vec<String> {
        let texts = batch.messages.iter().map(|message| message.envelope.text.clone());
        texts.collect()
    };
    assert_eq!(texts(&first), ["@Andy hello"]);
    let mut commands = Vec::new();
    let mut batch = first;
    for _ in 0..2 {
        world.commit_turn(&fence, &batch, &[]).await;
        let fresh = proto::ids::TurnId(world.uuid());
        let begun = world
            .store
            .begin_turn(&fence, fresh, world.seen("test:team").seen_at)
            .await;
        let store::Begun::Turn(next) = begun.unwrap() else {
            panic!("a command waits");
        };
        batch = *next;
        commands.push((texts(&batch), batch.messages[0].envelope.details.command));
    }
    assert_eq!(
        commands,
        [
            (vec!["/compact".to_owned()], Some(SessionCommand::Compact)),
            (vec!["/new".to_owned()], Some(SessionCommand::New)),
        ]
    );
}

#[tokio::test]
async fn op_01_who_may_not_is_told_so_only_where_they_could_talk_to_the_assistant() {
    let world = World::new();
    team(&world).await;
    assert_eq!(take(&world, "test:team", BOB, "/stop").await, Taken::Dropped);
    assert!(told(&world, "test:team").await.is_empty());
    assert_eq!(take(&world, "test:team", BOB, "@Andy /new").await, Taken::Command);
    assert_eq!(told(&world, "test:team").await, [ADMINS_ONLY]);
    assert_eq!(
        world
            .store
            .counts(world.seen("x").seen_at)
            .await
            .unwrap()
            .waiting_groups,
        0
    );
}

#[tokio::test]
async fn op_01_in_main_anybody_may() {
    let world = World::new();
    let main = world.group("main", true).await;
    world.chat("test:main", &main).await;
    assert_eq!(take(&world, "test:main", BOB, "/stop").await, Taken::Command);
    assert_eq!(told(&world, "test:main").await, ["Nothing is running."]);
}

#[tokio::test]
async fn what_merely_reads_like_a_command_is_a_message() {
    let world = World::new();
    let team = world.group("main", true).await;
    world.chat("test:main", &team).await;
    for text in ["/Stop", "/stop it", "/news"] {
        assert_eq!(take(&world, "test:main", BOB, text).await, Taken::Accepted, "{text}");
    }
}

#[tokio::test]
async fn a_running_turn_is_asked_to_stop_and_only_the_turn_itself_says_so() {
    let world = World::new();
    team(&world).await;
    take(&world, "test:team", ANN, "@Andy hello").await;
    let (fence, batch) = world.begin_turn().await;
    assert_eq!(take(&world, "test:team", ANN, "/stop").await, Taken::Command);
    assert!(told(&world, "test:team").await.is_empty());
    let wanted = world
        .store
        .turns_to_stop(&fence.runner, fence.incarnation)
        .await
        .unwrap();
    assert_eq!(wanted, [(fence.group.clone(), batch.turn)]);
}

#[tokio::test]
async fn status_and_cost_are_answered_once_however_often_the_platform_delivers_them() {
    let world = World::new();
    team(&world).await;
    let seen = world.seen("test:team");
    for command in ["/status", "/cost"] {
        let event = event(&world, &seen, ANN, command);
        for _ in 0..2 {
            let taken = world.intake().take(&seen, event.clone(), None).await.unwrap();
            assert_eq!(taken, Taken::Command);
        }
    }
    let told = told(&world, "test:team").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("Group team: idle."), "{}", told[0]);
    assert_eq!(
        told[1],
        "today: 0 turns, 0 tokens in, 0 cached, 0 out, $0.00\n\
         7 days: 0 turns, 0 tokens in, 0 cached, 0 out, $0.00\n\
         total: 0 turns, 0 tokens in, 0 cached, 0 out, $0.00"
    );
}

#[tokio::test]
async fn an_unknown_chat_is_ignored_until_it_asks_and_shows_one_code() {
    let world = World::new();
    let main = world.group("main", true).await;
    world.chat("test:main", &main).await;
    assert_eq!(take(&world, "test:new", BOB, "hello?").await, Taken::Unregistered);
    assert!(told(&world, "test:new").await.is_empty());
    for _ in 0..3 {
        assert_eq!(take(&world, "test:new", BOB, "/pair").await, Taken::Unregistered);
    }
    let shown = told(&world, "test:new").await;
    assert_eq!(shown.len(), 1, "{shown:?}");
    let pairings = world.store.pairings(world.seen("x").seen_at).await.unwrap();
    assert!(shown[0].contains(pairings[0].code.as_str()), "{shown:?}");
}

#[tokio::test]
async fn main_approves_a_code_and_the_chat_gets_a_group_of_its_own() {
    let world = World::new();
    let main = world.group("main", true).await;
    world.chat("test:main", &main).await;
    take(&world, "test:new", BOB, "/pair").await;
    let now = world.seen("x").seen_at;
    let code = world.store.pairings(now).await.unwrap()[0].code.clone();
    take(&world, "test:main", ANN, "/pair list").await;
    take(&world, "test:main", ANN, &format!("/pair approve {code}")).await;
    let told = told(&world, "test:main").await;
    assert!(told[0].contains(code.as_str()), "{told:?}");
    assert_eq!(told[1], "test:new belongs to the group test_test-new now.");
    let chat = world.store.chat(&ChatId::new("test:new")).await.unwrap().unwrap();
    assert_eq!(chat.group, Some(GroupId::parse("test_test-new").unwrap()));
    let audit = world.store.audit(10).await.unwrap();
    assert_eq!(
        (audit[0].actor.as_str(), audit[0].action.as_str()),
        ("test:ann", "pair.approve")
    );
    assert_eq!(
        take(&world, "test:main", ANN, &format!("/pair approve {code}")).await,
        Taken::Command
    );
    assert!(
        self::told(&world, "test:main").await[2].contains("any more"),
        "a code is used once"
    );
}

#[tokio::test]
async fn codes_are_main_s_business() {
    let world = World::new();
    team(&world).await;
    assert_eq!(take(&world, "test:team", ANN, "/pair list").await, Taken::Command);
    assert_eq!(told(&world, "test:team").await, [ADMINS_ONLY]);
}
