//! The feed: nothing is lost with a connection, a process or a session, and nothing is taken twice.

use std::time::Duration;

use doubles::discord::Said;
use doubles::platform::Fault;
use http::StatusCode;
use store::outage::Manners;

use super::subject::Subject;
use crate::channel::{Channel as _, FetchError, ReceiveError};
use crate::health::{Health, Receiving};

#[tokio::test]
async fn what_people_write_is_taken_with_where_and_by_whom() {
    let subject = Subject::new().await;
    let (platform, room, ada) = (&subject.platform, subject.room, subject.ada);
    subject.receive_until_live().await;
    let thread = platform.add_thread(room, "aside");
    let direct = platform.dm(ada);
    subject.register(&format!("dc:{direct}")).await;
    // Nobody registered these: they are found all the same.
    platform.say(platform.add_channel(subject.guild, "hall"), ada, "hello?");
    platform.say(platform.dm(platform.add_user("Bob")), ada, "hello?");
    platform.say(room, ada, &format!("<@{}> hello", platform.bot()));
    platform.say(thread, ada, "in the thread");
    platform.say(direct, ada, "in private");
    subject.receive_messages(3).await;
    assert_eq!(subject.texts().await, ["@Andy hello", "in the thread", "in private"]);
    let chats = subject.world.store.chats().await.unwrap();
    let names: Vec<_> = chats.iter().filter_map(|chat| chat.name.as_deref()).collect();
    for name in ["Workshop #hall", "Workshop #aside", "Ada"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let of_thread = chats
        .iter()
        .find(|chat| chat.id.as_str() == format!("dc:{room}/{thread}"))
        .unwrap();
    assert_eq!(of_thread.parent.as_ref().unwrap().as_str(), format!("dc:{room}"));
    assert_eq!(
        of_thread.group,
        chats
            .iter()
            .find(|chat| chat.id.as_str() == format!("dc:{room}"))
            .unwrap()
            .group
    );
}

#[tokio::test]
async fn the_next_process_resumes_where_the_last_one_was() {
    let mut subject = Subject::new().await;
    subject
        .platform
        .say(subject.room, subject.ada, "before anybody listened");
    subject.receive_until_live().await;
    subject.platform.say(subject.room, subject.ada, "one");
    subject.receive_messages(1).await;
    subject.platform.say(subject.room, subject.ada, "two");
    subject.platform.say(subject.room, subject.ada, "three");
    subject.restart();
    subject.receive_messages(3).await;
    assert_eq!(subject.platform.identifies(), 1);
    assert!(subject.platform.resumes() >= 1);
    assert_eq!(subject.texts().await, ["one", "two", "three"]);
}

#[tokio::test]
async fn what_was_written_without_a_session_is_read_from_the_histories() {
    let mut subject = Subject::new().await;
    let direct = subject.platform.dm(subject.ada);
    subject.register(&format!("dc:{direct}")).await;
    subject.receive_until_live().await;
    subject.platform.say(subject.room, subject.ada, "one");
    subject.platform.say(direct, subject.ada, "two");
    subject.receive_messages(2).await;

    subject.platform.forget_sessions();
    let late = subject.platform.add_channel(subject.guild, "late");
    subject.register(&format!("dc:{late}")).await;
    for n in 0..150 {
        subject.platform.say(subject.room, subject.ada, &format!("missed {n}"));
    }
    subject.platform.say(late, subject.ada, "in a new channel");
    subject.platform.say(direct, subject.ada, "missed in private");
    subject.restart();
    // Its session is refused, so it begins a new one.
    assert_eq!(subject.receive().await, Ok(()));
    subject.receive_messages(154).await;
    assert_eq!(subject.platform.identifies(), 2);
    let missed: Vec<String> = (0..150).map(|n| format!("missed {n}")).collect();
    let texts = subject.texts().await;
    let of_room: Vec<_> = texts.iter().filter(|text| missed.contains(text)).collect();
    assert_eq!(of_room, missed.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_gap_that_was_not_filled_to_its_end_is_filled_by_the_next_connection() {
    let mut subject = Subject::new().await;
    subject.receive_until_live().await;
    subject.platform.say(subject.room, subject.ada, "one");
    subject.receive_messages(1).await;
    subject.platform.forget_sessions();
    subject.platform.say(subject.room, subject.ada, "missed");
    assert_eq!(subject.receive().await, Ok(()));
    subject.faults.next(
        &format!("{}/messages", subject.room),
        Fault::Broken(StatusCode::BAD_GATEWAY),
    );
    assert!(matches!(subject.receive().await, Err(ReceiveError::Failed(_))));
    subject.restart();
    subject.receive_messages(2).await;
    assert_eq!(subject.texts().await, ["one", "missed"]);
}

/// One message would end the feed with every new connection.
#[tokio::test]
async fn what_is_not_understood_in_a_history_does_not_hide_the_rest() {
    let mut subject = Subject::new().await;
    subject.receive_until_live().await;
    subject.platform.say(subject.room, subject.ada, "one");
    subject.receive_messages(1).await;
    subject.platform.forget_sessions();
    for n in 0..120 {
        let odd = subject.platform.say(subject.room, subject.ada, &format!("odd {n}"));
        subject.platform.garble(subject.room, odd);
    }
    subject.platform.say(subject.room, subject.ada, "two");
    subject.restart();
    assert_eq!(subject.receive().await, Ok(()));
    subject.receive_messages(2).await;
    assert_eq!(subject.texts().await, ["one", "two"]);
}

#[tokio::test]
async fn a_refused_account_says_what_to_do() {
    let subject = Subject::new().await;
    subject.platform.allow_message_content(false);
    let Err(ReceiveError::Refused(reason)) = subject.receive().await else {
        panic!("it is refused");
    };
    assert!(reason.contains("Message Content Intent"), "{reason}");
    subject.platform.revoke_token();
    let Err(ReceiveError::Refused(reason)) = subject.receive().await else {
        panic!("it is refused");
    };
    assert!(reason.contains("DISCORD_BOT_TOKEN"), "{reason}");
    subject.platform.restore_token();
    subject.platform.allow_message_content(true);
    subject.receive_until_live().await;
}

#[tokio::test]
async fn a_token_revoked_while_connected_is_told_apart_from_a_break() {
    let subject = Subject::new().await;
    let revoke = async |_: &Health| {
        if subject.platform.live_sockets() > 0 {
            subject.platform.revoke_token();
        }
        false
    };
    let ended = subject.receive_until(revoke).await;
    assert!(matches!(ended, Some(Err(ReceiveError::Refused(_)))), "{ended:?}");
}

#[tokio::test]
async fn a_wish_to_reconnect_is_granted_and_a_break_is_told() {
    let subject = Subject::new().await;
    let once_live = async |act: fn(&doubles::discord::Discord)| {
        let acting = async |_: &Health| {
            if subject.platform.live_sockets() > 0 {
                act(&subject.platform);
            }
            false
        };
        subject.receive_until(acting).await.unwrap()
    };
    assert_eq!(once_live(|platform| platform.ask_to_reconnect()).await, Ok(()));
    assert_eq!(once_live(|platform| platform.invalidate_sessions(true)).await, Ok(()));
    assert!(matches!(
        once_live(|platform| platform.drop_sockets()).await,
        Err(ReceiveError::Failed(_))
    ));
    assert_eq!(once_live(|platform| platform.invalidate_sessions(false)).await, Ok(()));
    subject.receive_until_live().await;
    assert_eq!(subject.platform.identifies(), 2, "one session was over");
}

#[tokio::test]
async fn a_socket_from_which_nothing_comes_is_given_up() {
    let subject = Subject::new().await;
    subject.platform.set_heartbeat(Duration::from_millis(200));
    let freeze = async |_: &Health| {
        if subject.platform.live_sockets() > 0 {
            subject.platform.freeze_sockets();
        }
        false
    };
    let ended = subject.receive_until(freeze).await;
    assert!(matches!(ended, Some(Err(ReceiveError::Failed(_)))), "{ended:?}");
}

#[tokio::test]
async fn a_slash_command_is_acknowledged_and_taken_as_text() {
    let subject = Subject::new().await;
    subject.receive_until_live().await;
    let mut names = subject.platform.commands();
    names.sort();
    assert_eq!(names, ["compact", "cost", "new", "pair", "status", "stop"]);
    let used = subject.platform.command(subject.room, subject.ada, "compact", None);
    let both = async |_: &Health| subject.platform.acknowledged(used).is_some() && subject.taken() == 1;
    assert_eq!(subject.receive_until(both).await, None);
    assert!(subject.platform.acknowledged(used).unwrap().is_private);
    assert_eq!(subject.texts().await, ["/compact"]);
}

#[tokio::test]
async fn a_slash_command_is_acknowledged_in_time_while_the_store_is_away() {
    let subject = Subject::new().await;
    subject.receive_until_live().await;
    let used = std::cell::Cell::new(None);
    let acknowledged = async |health: &Health| match used.get() {
        None if health.report().receiving == Receiving::Live => {
            subject.world.outage.set(Manners::Refuses);
            used.set(Some(subject.platform.command(
                subject.room,
                subject.ada,
                "compact",
                None,
            )));
            false
        }
        None => false,
        Some(used) => subject.platform.acknowledged(used).is_some(),
    };
    assert_eq!(subject.receive_until(acknowledged).await, None);
    subject.world.outage.set(Manners::Answers);
    assert_eq!(subject.taken(), 0);
    // The feed was dropped before it was taken; the session tells of it again.
    subject.receive_messages(1).await;
}

#[tokio::test]
async fn edits_and_deletions_are_context() {
    let subject = Subject::new().await;
    subject.receive_until_live().await;
    let message = subject.platform.say(subject.room, subject.ada, "colour");
    subject.platform.unfurl(subject.room, message);
    subject.platform.edit(subject.room, message, "color");
    subject.platform.delete(subject.room, message);
    subject.receive_messages(3).await;
    let deleted = format!("[deleted] message {message} was deleted");
    assert_eq!(subject.texts().await, ["colour", "[edited] color", deleted.as_str()]);
}

#[tokio::test]
async fn a_file_is_fetched_even_after_its_link_has_perished_and_without_our_token() {
    let subject = Subject::new().await;
    let file = (
        "a.txt".to_owned(),
        "text/plain".to_owned(),
        bytes::Bytes::from_static(b"hello"),
    );
    let said = Said {
        files: vec![file],
        ..Said::default()
    };
    let message = subject.platform.post(subject.room, subject.ada, said);
    let seen = subject.platform.message(subject.room, message).unwrap();
    let reference = format!(
        "{}/{message}/{}",
        subject.room,
        seen["attachments"][0]["id"].as_str().unwrap()
    );
    subject.advance(Duration::from_secs(48 * 3_600));
    let fetched = subject.channel.fetch_file(&reference, 100).await;
    assert_eq!(fetched.unwrap().as_ref(), b"hello");
    let too_large = subject.channel.fetch_file(&reference, 4).await;
    assert_eq!(too_large, Err(FetchError::TooLarge { bytes_max: 4 }));
    let calls = subject.running.calls();
    let download = calls
        .iter()
        .find(|call| call.path.starts_with("/attachments/"))
        .unwrap();
    assert_eq!(download.header("authorization"), None);
}
