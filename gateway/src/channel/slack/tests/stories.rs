//! What Slack has of its own.

use doubles::platform::Fault;
use doubles::slack::Said;
use proto::outbound::{Attachment, Extra, OutboxState, SendOutcome};
use service::config::Secret;
use store::outage::Manners;

use super::super::Slack as Adapter;
use super::super::place::{Place, message_id};
use super::subject::Slack;
use crate::channel::Channel as _;
use crate::channel::conformance::{Gateway, Rig, Subject, bare_delivery, until};
use crate::config;
use crate::health::Receiving;

type SlackRig = Rig<Slack<true>>;

fn adapter(rig: &SlackRig) -> Adapter {
    Adapter::configured(&rig.subject.config(), &rig.deps())
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn an_event_is_acknowledged_only_when_it_is_stored() {
    let rig = SlackRig::start().await;
    let _gateway = rig.live().await;
    let slack = &rig.subject.platform;
    rig.world.outage.set(Manners::Refuses);
    slack.say(&rig.subject.room, &rig.subject.ann, "kept");
    until("it was sent", async || slack.events_open() == 1).await;
    assert_eq!(slack.acknowledged(), 0);
    rig.world.outage.set(Manners::Answers);
    until("it is acknowledged", async || slack.acknowledged() == 1).await;
    assert_eq!(rig.heard.count("kept"), 1);
}

/// A gateway was live and saved its position; nobody listens any more.
async fn was_live(rig: &SlackRig) {
    let slack = &rig.subject.platform;
    let first = rig.live().await;
    let since = async || rig.world.store.account_position("slack", "app").await.unwrap();
    until("a position is saved", async || since().await.is_some()).await;
    drop(first);
    until("the socket is closed", async || slack.socket_count() == 0).await;
}

/// What Slack gave up while nobody listened is read from the histories, answers in threads too, before anything that comes
/// after it.
#[tokio::test]
async fn what_was_written_while_nobody_listened_is_read_in_order() {
    let rig = SlackRig::start().await;
    let (slack, room, ann) = (&rig.subject.platform, &rig.subject.room, &rig.subject.ann);
    was_live(&rig).await;
    slack.say(room, ann, "one");
    slack.reply(room, ann, &rig.subject.thread, "two");
    slack.say(room, ann, "three");
    slack.forget_events();
    let mut next = rig.gateway("b").await;
    next.take_over(&rig).await;
    slack.say(room, ann, "four");
    next.receive().await;
    rig.until("all", |heard| heard.count("four") == 1).await;
    let texts: Vec<String> = rig.heard.all().into_iter().map(|envelope| envelope.text).collect();
    assert_eq!(texts, ["one", "two", "three", "four"]);
    assert_eq!(Some(rig.heard.find("two").unwrap().chat), rig.subject.thread());
}

/// A history with something odd in it was read again for ever, and nothing of its channel was taken.
#[tokio::test]
async fn what_is_not_understood_in_a_history_does_not_hide_the_rest() {
    let rig = SlackRig::start().await;
    let (slack, room, ann) = (&rig.subject.platform, &rig.subject.room, &rig.subject.ann);
    was_live(&rig).await;
    slack.say(room, ann, "one");
    let odd = slack.say(room, ann, "odd");
    slack.garble(room, &odd);
    slack.say(room, ann, "two");
    slack.forget_events();
    let mut next = rig.gateway("b").await;
    next.take_over(&rig).await;
    next.receive().await;
    rig.until("the others", |heard| heard.count("two") == 1).await;
    let texts: Vec<String> = rig.heard.all().into_iter().map(|envelope| envelope.text).collect();
    assert_eq!(texts, ["one", "two"]);
}

/// Serially they would take half a minute.
#[tokio::test]
async fn names_that_come_slowly_do_not_hold_up_what_people_say() {
    let rig = SlackRig::start().await;
    let slack = &rig.subject.platform;
    rig.subject.slow_names(60);
    let _gateway = rig.live().await;
    slack.say(&rig.subject.room, &rig.subject.ann, "hello");
    rig.until("the message", |heard| heard.count("hello") == 1).await;
}

#[tokio::test]
async fn a_channel_asks_to_be_paired_by_a_command_behind_a_mention() {
    let rig = SlackRig::start().await;
    rig.world.group("main", true).await;
    let _gateway = rig.live().await;
    let slack = &rig.subject.platform;
    let channel = slack.add_channel("elsewhere");
    slack.say(&channel, &rig.subject.ann, &format!("<@{}> /pair", slack.bot()));
    let asking = async || rig.world.store.pairings(rig.now()).await.unwrap();
    until("it asks", async || !asking().await.is_empty()).await;
    assert_eq!(asking().await[0].chat, Place::channel(&channel).id());
}

/// The agent names the message, and must not reach what other groups say by it.
#[tokio::test]
async fn a_reaction_reaches_only_messages_of_its_chat() {
    let rig = SlackRig::start().await;
    let slack = &rig.subject.platform;
    let (room, ann) = (&rig.subject.room, &rig.subject.ann);
    let adapter = adapter(&rig);
    let react = async |place: Place, message: String| {
        let emoji = "👍".to_owned();
        let reaction = Extra::Reaction { message, emoji };
        let (delivery, part) = bare_delivery(&rig.world, &adapter, place.id(), "", Some(reaction));
        adapter.send(&delivery, &part).await
    };
    let other = slack.add_channel("other");
    let theirs = slack.say(&other, ann, "between us");
    let refused = react(Place::channel(room), message_id(&other, &theirs)).await;
    assert!(
        matches!(&refused, SendOutcome::Rejected { reason } if reason.contains("another chat")),
        "{refused:?}"
    );
    assert!(slack.reactions(&other, &theirs).is_empty());
    let done = SendOutcome::Sent { platform_id: None };
    let thread = Place::parse(&rig.subject.thread().unwrap()).unwrap();
    assert_eq!(react(thread, message_id(room, &rig.subject.thread)).await, done);
    let direct = slack.dm(ann);
    let said = slack.say(&direct, ann, "hello");
    assert_eq!(react(Place::channel(ann), message_id(&direct, &said)).await, done);
}

#[tokio::test]
async fn a_refreshed_socket_misses_nothing_and_is_no_failure() {
    let rig = SlackRig::start().await;
    let gateway = rig.live().await;
    let slack = &rig.subject.platform;
    slack.say(&rig.subject.room, &rig.subject.ann, "before");
    rig.until("before", |heard| heard.count("before") == 1).await;
    slack.say_goodbye("refresh_requested");
    slack.say(&rig.subject.room, &rig.subject.ann, "after");
    rig.until("after", |heard| heard.count("after") == 1).await;
    gateway.until_live().await;
    assert_eq!(rig.heard.count("before"), 1);
}

#[tokio::test]
async fn an_app_whose_sockets_are_switched_off_is_refused() {
    let rig = SlackRig::start().await;
    let gateway = rig.live().await;
    rig.subject.platform.say_goodbye("link_disabled");
    gateway
        .until(
            "refused",
            |receiving| matches!(receiving, Receiving::Refused(why) if why.contains("Socket Mode")),
        )
        .await;
}

/// SL-04 took every bot for us; SL-D3.
#[tokio::test]
async fn other_bots_are_heard_and_we_are_not() {
    let rig = SlackRig::start().await;
    let mut gateway = rig.live().await;
    let slack = &rig.subject.platform;
    let other = slack.add_bot("Build Bot");
    rig.say(&rig.subject.room(), "mine", None).await;
    gateway.deliver(&rig, &[rig.subject.room()]).await;
    slack.say(&rig.subject.room, &other, "theirs");
    rig.until("the other bot", |heard| heard.count("theirs") == 1).await;
    assert_eq!(rig.heard.find("theirs").unwrap().sender_name, "Build Bot");
    assert_eq!(rig.heard.count("mine"), 0);
}

/// SL-10, and SL-D2: known with their names before anybody has said something in them.
#[tokio::test]
async fn channels_are_known_by_name_before_anybody_speaks() {
    let rig = SlackRig::start().await;
    let quiet = rig.subject.platform.add_private_channel("quiet");
    let foreign = rig.subject.platform.add_foreign_channel("elsewhere");
    let _gateway = rig.live().await;
    let chat = async |channel: &str| {
        let chats = rig.world.store.chats().await.unwrap();
        chats.into_iter().find(|chat| chat.id == Place::channel(channel).id())
    };
    until("the channel is known", async || chat(&quiet).await.is_some()).await;
    let known = chat(&quiet).await.unwrap();
    assert_eq!(
        (known.name.as_deref(), known.is_group_chat, &*known.channel),
        (Some("#quiet"), true, "slack")
    );
    assert!(chat(&foreign).await.is_none());
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_where_the_message_went() {
    let rig = SlackRig::start().await;
    let slack = &rig.subject.platform;
    let thread = rig.subject.thread().unwrap();
    rig.register(&thread).await;
    let mut gateway = rig.gateway("a").await;
    for (chat, fault) in [(thread, Fault::LostAnswer), (rig.subject.direct(), Fault::ResetInBody)] {
        rig.subject.faults.next("/chat.postMessage", fault);
        rig.say(&chat, "once", None).await;
        gateway.deliver(&rig, std::slice::from_ref(&chat)).await;
        assert_eq!(rig.texts(&chat), ["once"], "{fault:?}");
        assert_eq!(rig.rows(&chat).await[0].state, OutboxState::Sent, "{fault:?}");
    }
    // An error of Slack's may come after the work was done.
    for is_executed in [true, false] {
        let chat = rig.subject.more_chats(1).remove(0);
        rig.register(&chat).await;
        slack.fail_next("chat.postMessage", "internal_error", is_executed);
        rig.say(&chat, "once", None).await;
        gateway.deliver(&rig, std::slice::from_ref(&chat)).await;
        assert_eq!(rig.texts(&chat), ["once"], "executed: {is_executed}");
    }
}

/// OpenClaw #22780, #64038.
#[tokio::test]
async fn a_file_whose_answer_was_lost_is_there_once() {
    let rig = SlackRig::start().await;
    let room = rig.subject.room();
    let blob = blobs::BlobName::parse("files/report").unwrap();
    rig.world
        .blobs()
        .put(&blob, bytes::Bytes::from_static(b"1,2"))
        .await
        .unwrap();
    let file = Attachment {
        name: "report.csv".to_owned(),
        media_type: "text/csv".to_owned(),
        bytes: 3,
        blob: blob.to_string(),
    };
    let mut gateway = rig.gateway("a").await;
    for fault in [Fault::LostAnswer, Fault::ResetBefore] {
        rig.subject.faults.next("/files.completeUploadExternal", fault);
        rig.say(&room, "The report", Some(Extra::File(file.clone()))).await;
        gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    }
    let read = rig.subject.read(&room);
    assert_eq!(read.len(), 2, "{read:?}");
    assert!(rig.rows(&room).await.iter().all(|row| row.state == OutboxState::Sent));
}

#[tokio::test]
async fn a_thread_shows_that_an_answer_is_on_its_way() {
    let rig = SlackRig::start().await;
    let adapter = adapter(&rig);
    let thread = rig.subject.thread().unwrap();
    for on in [true, true, false, false] {
        adapter.typing(&thread, on).await;
        adapter.typing(&rig.subject.room(), on).await;
    }
    let (room, ts) = (&rig.subject.room, &rig.subject.thread);
    assert_eq!(
        rig.subject.platform.statuses(room, ts),
        ["is thinking…", ""],
        "said once, and ended once"
    );
}

#[tokio::test]
async fn a_person_is_written_to_by_their_id() {
    let rig = SlackRig::start().await;
    let bob = rig.subject.platform.add_user("Bob");
    let chat = Place::channel(&bob).id();
    rig.register(&chat).await;
    rig.say(&chat, "hello Bob", None).await;
    let mut gateway = rig.gateway("a").await;
    rig.subject.faults.next("/chat.postMessage", Fault::LostAnswer);
    gateway.deliver(&rig, std::slice::from_ref(&chat)).await;
    let dm = rig.subject.platform.dm(&bob);
    assert_eq!(rig.subject.platform.messages(&dm).len(), 1);
}

#[tokio::test]
async fn files_are_fetched_from_slack_and_from_nobody_else() {
    let rig = SlackRig::start().await;
    // Slack's links are made of the name under which it was called.
    let _gateway = rig.live().await;
    let slack = &rig.subject.platform;
    let said = Said {
        text: "look".to_owned(),
        files: vec![(
            "a.txt".to_owned(),
            "text/plain".to_owned(),
            bytes::Bytes::from_static(b"hello"),
        )],
        ..Said::default()
    };
    slack.post(&rig.subject.room, &rig.subject.ann, said);
    let url = slack.file_urls().remove(0);
    let adapter = adapter(&rig);
    assert_eq!(adapter.fetch_file(&url, 5).await.unwrap(), "hello");
    assert!(adapter.fetch_file(&url, 4).await.is_err(), "larger than allowed");
    let stranger = adapter
        .fetch_file("https://slack.com.evil.example/a", 5)
        .await
        .unwrap_err();
    assert!(stranger.to_string().contains("elsewhere"), "{stranger}");
    slack.revoke_token();
    assert!(adapter.fetch_file(&url, 5).await.is_err(), "the login page is no file");
}

#[tokio::test]
async fn a_mention_can_open_a_thread() {
    let rig = SlackRig::start().await;
    let config = config::Slack {
        answer_in_threads: true,
        ..rig.subject.config()
    };
    let channel = Adapter::configured(&config, &rig.deps()).unwrap().unwrap();
    let mut gateway = Gateway::join(&rig.world, &rig.heard, std::sync::Arc::new(channel), "a").await;
    gateway.receive().await;
    gateway.until_live().await;
    let slack = &rig.subject.platform;
    let ts = slack.say(
        &rig.subject.room,
        &rig.subject.ann,
        &format!("<@{}> question", slack.bot()),
    );
    rig.until("the question", |heard| heard.count("question") == 1).await;
    let chat = rig.heard.find("question").unwrap().chat;
    assert_eq!(chat.as_str(), format!("slack:{}/{ts}", rig.subject.room));
    rig.say(&chat, "answer", None).await;
    gateway.deliver(&rig, std::slice::from_ref(&chat)).await;
    assert_eq!(slack.messages(&rig.subject.room)[0].thread, Some(ts));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_with_what_to_do() {
    let rig = SlackRig::start().await;
    let refused = |config: config::Slack| match Adapter::configured(&config, &rig.deps()) {
        Err(error) => format!("{error:#}"),
        Ok(_) => panic!("it was taken"),
    };
    let no_way_in = config::Slack {
        app_token: None,
        ..rig.subject.config()
    };
    assert!(refused(no_way_in).contains("SLACK_APP_TOKEN"));
    let stranger = config::Slack {
        allow_unofficial_host: false,
        ..rig.subject.config()
    };
    assert!(refused(stranger).contains("allow_unofficial_host"));
    let none = config::Slack {
        app_token: Some(Secret::new("xapp-1")),
        ..config::Slack::default()
    };
    assert!(
        Adapter::configured(&none, &rig.deps()).unwrap().is_none(),
        "no token, no channel (CH-03)"
    );
}
