//! Groups and chats.

use proto::group::{ChatSeen, GroupSettings};
use proto::ids::ChatId;

use super::World;
use super::world::{at, chat_of, group_id};
use crate::registration::{Registration, register};
use crate::{Appended, Error};

pub async fn a_group_is_registered_changed_and_listed(world: World) {
    let id = world.group("b").await;
    world.group("a").await;
    let mut group = world.store.group(&id).await.unwrap().unwrap();
    group.name = "Bees".to_owned();
    group.is_main = true;
    group.settings = GroupSettings {
        trigger: Some("@Bee".to_owned()),
        ..GroupSettings::default()
    };
    world.store.put_group(&group).await.unwrap();
    assert_eq!(world.store.group(&id).await.unwrap(), Some(group.clone()));
    let names: Vec<_> = world
        .store
        .groups()
        .await
        .unwrap()
        .into_iter()
        .map(|group| group.id.to_string())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(world.store.group(&group_id("c")).await.unwrap(), None);
}

pub async fn a_removed_group_leaves_nothing_but_its_count_of_claims(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    world.commit(&fence, &batch, vec![], at(1)).await;
    world.store.release_group(&fence, false, at(2)).await.unwrap();
    let old = world.envelope("g", "unread", true);
    world.append(&old, at(3)).await;

    world.store.remove_group(&fence.group).await.unwrap();
    assert_eq!(world.store.group(&fence.group).await.unwrap(), None);
    assert!(world.store.groups().await.unwrap().is_empty());
    assert_eq!(world.store.chat(&chat_of("g")).await.unwrap().unwrap().group, None);
    assert_eq!(world.store.turn(batch.turn).await.unwrap(), None);
    assert!(world.try_claim(&runner, 5, at(1_000)).await.unwrap().is_empty());
    assert!(matches!(
        world.store.append_inbox(&old, at(4)).await,
        Err(Error::NotFound { what: "group", .. })
    ));
    assert!(matches!(
        world.store.remove_group(&fence.group).await,
        Err(Error::NotFound { .. })
    ));

    world.group("g").await;
    assert!(matches!(
        world.store.append_inbox(&old, at(5)).await,
        Ok(Appended::Stored(_))
    ));
    let again = world.claim(&runner, at(1_000)).await;
    assert!(again.epoch > fence.epoch, "no fence of its former life may match");
    assert_eq!(world.begin(&again, at(1_000)).await.session, None);
}

pub async fn a_group_that_is_served_cannot_be_removed(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, _) = world.begun("g", &runner).await;
    assert!(matches!(
        world.store.remove_group(&fence.group).await,
        Err(Error::Conflict(_))
    ));
    world.store.release_group(&fence, true, at(1)).await.unwrap();
    world.store.remove_group(&fence.group).await.unwrap();
}

pub async fn a_chat_keeps_what_later_events_do_not_say(world: World) {
    let seen = ChatSeen {
        id: ChatId::new("test:1"),
        channel: "test".to_owned(),
        account: "bot".to_owned(),
        name: Some("Garden".to_owned()),
        is_group_chat: Some(true),
        seen_at: at(100),
        parent: None,
    };
    world.store.see_chat(&seen).await.unwrap();
    let later = ChatSeen {
        name: None,
        is_group_chat: None,
        seen_at: at(50),
        ..seen.clone()
    };
    let chat = world.store.see_chat(&later).await.unwrap();
    assert_eq!(
        (chat.name.as_deref(), chat.is_group_chat, chat.last_seen_at),
        (Some("Garden"), true, at(100))
    );
    let renamed = ChatSeen {
        name: Some("Yard".to_owned()),
        is_group_chat: Some(false),
        seen_at: at(200),
        ..seen
    };
    let chat = world.store.see_chat(&renamed).await.unwrap();
    assert_eq!(
        (chat.name.as_deref(), chat.is_group_chat, chat.last_seen_at),
        (Some("Yard"), false, at(200))
    );
    assert_eq!(world.store.chat(&chat.id).await.unwrap(), Some(chat));
}

pub async fn chats_are_listed_with_the_one_heard_of_last_first(world: World) {
    for (name, seen) in [("a", 10), ("b", 30), ("c", 20)] {
        let seen = ChatSeen {
            id: ChatId::new(name),
            channel: "test".to_owned(),
            account: "bot".to_owned(),
            name: None,
            is_group_chat: None,
            seen_at: at(seen),
            parent: None,
        };
        world.store.see_chat(&seen).await.unwrap();
    }
    let ids: Vec<_> = world
        .store
        .chats()
        .await
        .unwrap()
        .into_iter()
        .map(|chat| chat.id.to_string())
        .collect();
    assert_eq!(ids, ["b", "c", "a"]);
}

pub async fn a_chat_is_registered_only_to_what_exists(world: World) {
    let group = world.group("g").await;
    let unseen = world
        .store
        .register_chat(&ChatId::new("test:unseen"), Some(&group))
        .await;
    assert!(matches!(unseen, Err(Error::NotFound { what: "chat", .. })));
    let unknown = world.store.register_chat(&chat_of("g"), Some(&group_id("x"))).await;
    assert!(matches!(unknown, Err(Error::NotFound { what: "group", .. })));
    assert_eq!(
        world.store.chat(&chat_of("g")).await.unwrap().unwrap().group,
        Some(group)
    );
    world.store.register_chat(&chat_of("g"), None).await.unwrap();
    assert_eq!(world.store.chat(&chat_of("g")).await.unwrap().unwrap().group, None);
}

fn registration(group: &str, is_main: bool, chats: &[&str]) -> Registration {
    Registration {
        group: group_id(group),
        name: group.to_uppercase(),
        is_main,
        settings: GroupSettings {
            trigger: Some("@New".to_owned()),
            ..GroupSettings::default()
        },
        chats: chats.iter().copied().map(ChatId::new).collect(),
        move_chats: false,
    }
}

pub async fn registering_again_never_clears_main(world: World) {
    world.chat(ChatId::new("test:1")).await;
    world.chat(ChatId::new("test:2")).await;
    register(&*world.store, &registration("main", true, &["test:1"]), at(0))
        .await
        .unwrap();
    let again = register(&*world.store, &registration("main", false, &["test:2"]), at(9))
        .await
        .unwrap();
    assert!(again.is_main);
    assert_eq!(
        (again.created_at, again.settings.trigger.as_deref()),
        (at(0), Some("@New"))
    );
    for chat in ["test:1", "test:2"] {
        let chat = world.store.chat(&ChatId::new(chat)).await.unwrap().unwrap();
        assert_eq!(
            chat.group,
            Some(group_id("main")),
            "a second chat does not push the first one out (DB-D3)"
        );
    }
}

pub async fn a_chat_of_another_group_moves_only_when_asked(world: World) {
    world.chat(ChatId::new("test:1")).await;
    register(&*world.store, &registration("a", false, &["test:1"]), at(0))
        .await
        .unwrap();
    let mut second = registration("b", false, &["test:1"]);
    let refused = register(&*world.store, &second, at(0)).await;
    assert!(matches!(refused, Err(Error::Conflict(reason)) if reason.contains("test:1") && reason.contains('a')));
    assert_eq!(
        world.store.group(&group_id("b")).await.unwrap(),
        None,
        "a refused registration leaves nothing"
    );
    second.move_chats = true;
    register(&*world.store, &second, at(0)).await.unwrap();
    let chat = world.store.chat(&ChatId::new("test:1")).await.unwrap().unwrap();
    assert_eq!(chat.group, Some(group_id("b")));
}

pub async fn a_registration_of_an_unseen_chat_changes_nothing(world: World) {
    let refused = register(&*world.store, &registration("a", false, &["test:unseen"]), at(0)).await;
    assert!(matches!(refused, Err(Error::NotFound { what: "chat", .. })));
    assert_eq!(world.store.group(&group_id("a")).await.unwrap(), None);
}

pub async fn threads_of_a_chat_go_with_it(world: World) {
    for group in ["g", "h"] {
        world.group(group).await;
    }
    let parent = chat_of("g");
    let thread = ChatSeen {
        id: ChatId::new("test:g/7"),
        channel: "test".to_owned(),
        account: World::ACCOUNT.to_owned(),
        name: None,
        is_group_chat: Some(true),
        seen_at: at(1),
        parent: Some(parent.clone()),
    };
    let seen = world.store.see_chat(&thread).await.unwrap();
    assert_eq!((seen.parent, seen.group), (Some(parent.clone()), None));
    for group in [Some(group_id("h")), None] {
        world.store.register_chat(&parent, group.as_ref()).await.unwrap();
        assert_eq!(world.store.chat(&thread.id).await.unwrap().unwrap().group, group);
    }
    let said_less = ChatSeen { parent: None, ..thread };
    let kept = world.store.see_chat(&said_less).await.unwrap();
    assert_eq!(kept.parent, Some(parent), "what an event does not say stays");
}
