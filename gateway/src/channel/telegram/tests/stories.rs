//! What only Telegram has: its questions, migration, the pool, webhooks, conflicts.

use std::sync::Arc;
use std::time::Duration;

use doubles::telegram::{Post, User};
use http::StatusCode;
use proto::ids::ChatId;
use proto::outbound::{Attachment, Extra, SendOutcome};
use service::config::Secret;
use store::outage::Manners;

use super::super::place::{Place, message_id};
use super::super::{Channel, TelegramChannel};
use super::subject::{TOKEN, Telegram};
use crate::channel::conformance::{Gateway, Rig, Subject, bare_delivery, until};
use crate::channel::{ChannelDeps, FetchError};
use crate::config;
use crate::health::Receiving;

type Subj = Telegram<false>;

fn adapter(rig: &Rig<Subj>, change: impl FnOnce(&mut config::Telegram)) -> Arc<TelegramChannel> {
    let mut config = rig.subject.config();
    change(&mut config);
    Arc::new(TelegramChannel::configured(&config, &rig.deps()).unwrap().unwrap())
}

async fn send(channel: &TelegramChannel, rig: &Rig<Subj>, chat: i64, sender: Option<&str>) -> SendOutcome {
    let chat = Place::chat(chat).id();
    let (mut delivery, part) = bare_delivery(&rig.world, channel, chat, "hello", None);
    delivery.sender = sender.map(str::to_owned);
    channel.send(&delivery, &part).await
}

#[tokio::test]
async fn tg_02_chatid_and_ping_are_answered_where_they_were_asked() {
    let rig = Rig::<Subj>::start().await;
    let _gateway = rig.live().await;
    let (telegram, room, topic) = (&rig.subject.platform, rig.subject.room, rig.subject.topic);
    telegram.say(room, &rig.subject.ann, "/chatid@andy_bot");
    telegram.post_as(room, &rig.subject.ann, &Post::text("/ping").topic(topic));
    let sent = telegram
        .wait_sent(room, Duration::from_secs(10), |sent| sent.len() == 2)
        .await;
    assert_eq!(
        sent[0].text,
        format!("Chat ID: tg:{room}\nName: Family\nType: supergroup")
    );
    assert_eq!((&*sent[1].text, sent[1].thread), ("Andy is online.", Some(topic)));
    assert!(rig.heard.all().is_empty());
}

#[tokio::test]
async fn start_has_an_unknown_chat_ask_for_pairing_and_says_nothing_to_a_known_one() {
    let rig = Rig::<Subj>::start().await;
    rig.world.group("main", true).await;
    let _gateway = rig.live().await;
    let (telegram, ann, bob) = (&rig.subject.platform, &rig.subject.ann, User::new(8, "Bob"));
    telegram.say(telegram.private(&bob), &bob, "/start");
    telegram.say(ann.id, ann, "/start");
    telegram.say(ann.id, ann, "hello");
    rig.until("what follows", |heard| heard.count("hello") == 1).await;
    assert_eq!(rig.heard.all().len(), 1, "{:?}", rig.heard.all());
    let asking = async || rig.world.store.pairings(rig.now()).await.unwrap();
    until("it asks", async || !asking().await.is_empty()).await;
    let asking: Vec<ChatId> = asking().await.into_iter().map(|pairing| pairing.chat).collect();
    assert_eq!(asking, [Place::chat(bob.id).id()]);
}

async fn react(channel: &TelegramChannel, rig: &Rig<Subj>, place: Place, message: String, emoji: &str) -> SendOutcome {
    let emoji = emoji.to_owned();
    let reaction = Extra::Reaction { message, emoji };
    let (delivery, part) = bare_delivery(&rig.world, channel, place.id(), "", Some(reaction));
    channel.send(&delivery, &part).await
}

/// The agent names the message, and must not reach what other groups say by it.
#[tokio::test]
async fn a_reaction_reaches_only_messages_of_its_chat() {
    let rig = Rig::<Subj>::start().await;
    let (telegram, ann, room) = (&rig.subject.platform, &rig.subject.ann, rig.subject.room);
    let channel = adapter(&rig, |_| {});
    let club = telegram.group("Club");
    let theirs = message_id(club, telegram.say(club, ann, "between us"));
    let refused = react(&channel, &rig, Place::chat(room), theirs, "👍").await;
    assert!(
        matches!(&refused, SendOutcome::Rejected { reason } if reason.contains("another chat")),
        "{refused:?}"
    );
    assert!(telegram.reactions(club).is_empty());
    let done = SendOutcome::Sent { platform_id: None };
    let topic = Place {
        chat: room,
        thread: Some(rig.subject.topic),
    };
    let said = message_id(room, telegram.say(room, ann, "hello"));
    assert_eq!(react(&channel, &rig, topic, said, "👍").await, done);
    let moved = telegram.migrate(club, ann);
    channel.moved.note(club, moved);
    let said = message_id(moved, telegram.say(moved, ann, "hello"));
    assert_eq!(react(&channel, &rig, Place::chat(club), said, "👍").await, done);
}

#[tokio::test]
async fn a_reaction_is_made_without_the_mark_of_a_picture() {
    let rig = Rig::<Subj>::start().await;
    let (telegram, room) = (&rig.subject.platform, rig.subject.room);
    let channel = adapter(&rig, |_| {});
    let said = telegram.say(room, &rig.subject.ann, "hello");
    let sent = react(&channel, &rig, Place::chat(room), message_id(room, said), "❤\u{fe0f}").await;
    assert_eq!(sent, SendOutcome::Sent { platform_id: None });
    assert_eq!(telegram.reactions(room), [(said, Some("❤".to_owned()))]);
}

#[tokio::test]
async fn a_caption_that_is_refused_goes_out_as_it_was_written_with_its_file() {
    let rig = Rig::<Subj>::start().await;
    let (telegram, room) = (&rig.subject.platform, rig.subject.room);
    let channel = adapter(&rig, |_| {});
    let blob = blobs::BlobName::parse("files/chart").unwrap();
    let content = bytes::Bytes::from_static(b"chart");
    rig.world.blobs().put(&blob, content).await.unwrap();
    for why in [
        "can't parse entities: Unsupported start tag",
        "message caption is too long",
    ] {
        let file = Extra::File(Attachment {
            name: "chart.csv".to_owned(),
            media_type: "text/csv".to_owned(),
            bytes: 5,
            blob: blob.to_string(),
        });
        telegram.refuse_next("sendDocument", why);
        let (delivery, part) = bare_delivery(
            &rig.world,
            &*channel,
            Place::chat(room).id(),
            "**the** chart",
            Some(file),
        );
        let sent = channel.send(&delivery, &part).await;
        assert!(matches!(sent, SendOutcome::Sent { .. }), "{why}: {sent:?}");
    }
    let sent = telegram.sent(room);
    let texts: Vec<&str> = sent.iter().map(|sent| sent.text.as_str()).collect();
    assert_eq!(texts, ["**the** chart"; 2]);
    assert!(sent.iter().all(|sent| sent.file.is_some()));
}

#[tokio::test]
async fn tg_d1_a_group_that_becomes_a_supergroup_keeps_its_registration_and_its_rows() {
    let rig = Rig::<Subj>::start().await;
    let (telegram, ann) = (&rig.subject.platform, &rig.subject.ann);
    let group = telegram.group("Club");
    let old = Place::chat(group).id();
    rig.register(&old).await;
    let mut gateway = rig.live().await;
    let moved = telegram.migrate(group, ann);
    telegram.say(moved, ann, "@andy_bot are you with us?");
    rig.until("the message in the new chat", |heard| heard.count("with us") == 1)
        .await;
    let heard = rig.heard.find("with us").unwrap();
    assert_eq!(
        (heard.chat, heard.group, heard.engages),
        (Place::chat(moved).id(), rig.group.clone(), true)
    );
    assert_eq!(rig.heard.all().len(), 1, "the move itself is nothing to read");
    rig.say(&old, "for the old id", None).await;
    gateway.deliver(&rig, std::slice::from_ref(&old)).await;
    assert_eq!(telegram.sent(moved)[0].text, "for the old id");
}

#[tokio::test]
async fn a_move_that_was_missed_is_learnt_from_the_first_send() {
    let rig = Rig::<Subj>::start().await;
    let group = rig.subject.platform.group("Club");
    let moved = rig.subject.platform.migrate(group, &rig.subject.ann);
    let channel = adapter(&rig, |_| {});
    let sent = send(&channel, &rig, group, None).await;
    let platform_id = Some(format!("{moved}/2"));
    assert_eq!(sent, SendOutcome::Sent { platform_id });
}

#[tokio::test]
async fn op_06_roles_of_the_pool_keep_their_bots_and_the_main_bot_stands_in() {
    let rig = Rig::<Subj>::start().await;
    let telegram = &rig.subject.platform;
    for (token, name) in [("1:a", "pool_a"), ("2:b", "pool_b")] {
        telegram.add_bot(token, name);
    }
    let channel = adapter(&rig, |config| config.bot_pool = Some(Secret::new("1:a, 2:b")));
    let room = rig.subject.room;
    for role in ["Writer", "Critic", "Writer"] {
        send(&channel, &rig, room, Some(role)).await;
    }
    telegram.remove("1:a", room);
    send(&channel, &rig, room, Some("Writer")).await;
    send(&channel, &rig, room, None).await;
    let bots: Vec<String> = telegram.sent(room).into_iter().map(|sent| sent.bot).collect();
    assert_eq!(bots, ["pool_a", "pool_b", "pool_a", "andy_bot", "andy_bot"]);
    assert_eq!(telegram.bot("1:a").unwrap().0, "Writer");
    assert_eq!(telegram.bot("2:b").unwrap().0, "Critic");
}

#[tokio::test]
async fn a_webhook_takes_only_who_knows_the_secret_and_asks_again_for_what_was_not_stored() {
    let rig = Rig::<Subj>::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let channel = adapter(&rig, |config| config.webhook_url = Some(base.clone()));
    let mut gateway = Gateway::join(&rig.world, &rig.heard, channel, "a").await;
    gateway.receive_on(listener).await;
    gateway.until_live().await;
    let (telegram, ann) = (&rig.subject.platform, &rig.subject.ann);
    telegram.say(ann.id, ann, "by webhook");
    assert_eq!(
        telegram.push_updates(TOKEN).await,
        [StatusCode::OK; 2],
        "one is the topic that was opened"
    );
    assert_eq!(rig.heard.count("by webhook"), 1);
    let body = r#"{"update_id":1}"#;
    let url = format!("{base}/telegram/4242");
    let stranger = doubles::platform::push(http::Method::POST, &url, http::HeaderMap::new(), body)
        .await
        .unwrap();
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    rig.world.outage.set(Manners::Refuses);
    let stranger = rig.subject.platform.group("Unknown");
    telegram.say(stranger, ann, "where the store must be asked");
    assert_eq!(telegram.push_updates(TOKEN).await, [StatusCode::SERVICE_UNAVAILABLE]);
}

#[tokio::test]
async fn a_second_poller_is_a_conflict_that_says_what_to_do() {
    let rig = Rig::<Subj>::start().await;
    let gateway = rig.live().await;
    let rival = format!("{}/bot{TOKEN}/getUpdates?timeout=0", rig.subject.running.url());
    let get = doubles::platform::push(http::Method::GET, &rival, http::HeaderMap::new(), "").await;
    assert_eq!(get.unwrap().status, StatusCode::OK);
    let told = |receiving: &Receiving| matches!(receiving, Receiving::Degraded(why) if why.contains("somebody else") && why.contains("same bot token"));
    gateway.until("in conflict", told).await;
}

#[tokio::test]
async fn a_file_is_fetched_up_to_the_limit() {
    let rig = Rig::<Subj>::start().await;
    let (telegram, ann) = (&rig.subject.platform, &rig.subject.ann);
    let file = Post::file("document", Some("a.txt"), None, "hello");
    let small = telegram.post_as(ann.id, ann, &file);
    let large = telegram.post_as(ann.id, ann, &file.claimed_size(21 * 1024 * 1024));
    let channel = adapter(&rig, |_| {});
    let id = |message| telegram.file_id(ann.id, message).unwrap();
    assert_eq!(&*channel.fetch_file(&id(small), 100).await.unwrap(), b"hello");
    assert!(matches!(
        channel.fetch_file(&id(small), 4).await,
        Err(FetchError::TooLarge { .. })
    ));
    assert!(matches!(
        channel.fetch_file(&id(large), u64::MAX).await,
        Err(FetchError::TooLarge { .. })
    ));
    assert!(matches!(channel.fetch_file("none", 9).await, Err(FetchError::Gone(_))));
}

#[tokio::test]
async fn tg_08_typing_is_shown_in_the_topic() {
    let rig = Rig::<Subj>::start().await;
    let channel = adapter(&rig, |_| {});
    let thread: ChatId = rig.subject.thread().unwrap();
    channel.typing(&thread, true).await;
    channel.typing(&thread, false).await;
    assert_eq!(
        rig.subject.platform.actions(rig.subject.room),
        [(Some(rig.subject.topic), "typing".to_owned())]
    );
}

#[tokio::test]
async fn a_blocked_bot_is_told_at_once_and_is_no_trouble_of_the_account() {
    let rig = Rig::<Subj>::start().await;
    rig.subject.platform.remove(TOKEN, rig.subject.ann.id);
    let sent = send(&adapter(&rig, |_| {}), &rig, rig.subject.ann.id, None).await;
    assert!(matches!(sent, SendOutcome::Rejected { reason } if reason.contains("blocked by the user")));
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_at_the_start() {
    let rig = Rig::<Subj>::start().await;
    let with = |token: &str| {
        let mut config = rig.subject.config();
        config.bot_token = Some(Secret::new(token));
        let deps: ChannelDeps = rig.deps();
        TelegramChannel::configured(&config, &deps)
            .err()
            .map(|error| format!("{error:#}"))
    };
    assert_eq!(with(TOKEN), None);
    let refused = with("hello").unwrap();
    assert!(
        refused.contains("TELEGRAM_BOT_TOKEN") && refused.contains("@BotFather"),
        "{refused}"
    );
    assert!(!refused.contains("hello"), "{refused}");
}
