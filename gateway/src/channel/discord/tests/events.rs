//! DC-01 to DC-06, as a table.

use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent};
use proto::time::Timestamp;
use serde_json::{Value, json};

use super::super::events::Reader;
use super::super::model::{Deleted, Guild, Interaction, Message, Snowflake};
use super::super::places::{Place, channel_of};

const BOT: Snowflake = Snowflake(7);
const READER: Reader<'_> = Reader { account: "7", bot: BOT };

fn channel() -> Place {
    Place {
        channel: Snowflake(20),
        guild: Some(Snowflake(10)),
        parent: None,
        name: Some("Workshop #general".to_owned()),
    }
}

fn written(changes: Value) -> Message {
    let mut message = json!({
        "id": "4194304000000",
        "channel_id": "20",
        "guild_id": "10",
        "type": 0,
        "author": { "id": "30", "username": "ada", "global_name": "Ada" },
        "content": "hello",
    });
    for (name, value) in changes.as_object().unwrap() {
        message[name] = value.clone();
    }
    serde_json::from_value(message).unwrap()
}

fn event(changes: Value) -> Option<InboundEvent> {
    READER.message(&written(changes), &channel()).map(|(_, event)| event)
}

#[test]
fn a_message_becomes_an_event_of_its_channel() {
    let (seen, event) = READER.message(&written(json!({})), &channel()).unwrap();
    assert_eq!(event.dedup_key, "discord:7:4194304000000");
    assert_eq!((event.sender.as_str(), event.sender_name.as_str()), ("30", "Ada"));
    assert_eq!((event.text.as_str(), event.addressed), ("hello", Addressed::No));
    assert_eq!(event.sent_at, Timestamp::from_millis(1_420_071_400_000));
    assert_eq!(seen.id.as_str(), "dc:20");
    assert_eq!(
        (seen.name.as_deref(), seen.is_group_chat),
        (Some("Workshop #general"), Some(true))
    );
}

#[test]
fn a_name_is_the_nickname_else_the_display_name_else_the_user_name() {
    let name = |changes| event(changes).unwrap().sender_name;
    assert_eq!(name(json!({ "member": { "nick": "Countess" } })), "Countess");
    assert_eq!(name(json!({ "member": { "nick": null } })), "Ada");
    assert_eq!(name(json!({ "author": { "id": "30", "username": "ada" } })), "ada");
}

#[test]
fn bots_webhooks_and_the_platforms_own_notes_are_not_heard() {
    assert_eq!(
        event(json!({ "author": { "id": "31", "username": "b", "bot": true } })),
        None
    );
    assert_eq!(event(json!({ "author": { "id": "7", "username": "clawhold" } })), None);
    assert_eq!(event(json!({ "webhook_id": "99" })), None);
    assert_eq!(event(json!({ "type": 7 })), None);
    assert_eq!(event(json!({ "content": "" })), None);
}

#[test]
fn a_mention_is_taken_out_and_told_apart() {
    let of = |content: &str, mentions: Value| {
        let event = event(json!({ "content": content, "mentions": mentions })).unwrap();
        (event.text, event.addressed)
    };
    let us = || json!([{ "id": "7", "username": "clawhold" }]);
    for content in ["<@7> hello", "<@!7> hello", "hello <@7>"] {
        assert_eq!(of(content, us()), ("hello".to_owned(), Addressed::Mention), "{content}");
    }
    // The text alone is enough, and so is the list: a reply pings without a word.
    assert_eq!(of("<@7> hello", json!([])), ("hello".to_owned(), Addressed::Mention));
    assert_eq!(of("hello", us()), ("hello".to_owned(), Addressed::Mention));
    assert_eq!(of("<@8> hello", json!([])), ("<@8> hello".to_owned(), Addressed::No));
    assert_eq!(
        of("@everyone hello", json!([])),
        ("@everyone hello".to_owned(), Addressed::No)
    );
    // Who says nothing but our name wants us all the same.
    assert_eq!(of("<@7>", us()), ("@clawhold".to_owned(), Addressed::Mention));
}

/// DC-D1 does not exist: the quote is beside the text, so it does not hide the trigger.
#[test]
fn a_reply_carries_its_quote_and_one_to_us_is_for_us() {
    let reply_to = |author: &str| {
        json!({
            "type": 19,
            "content": "and why?",
            "referenced_message": {
                "id": "1", "channel_id": "20", "content": "because",
                "author": { "id": author, "username": "somebody" },
                "attachments": [{ "id": "5", "filename": "a.png", "content_type": "image/png", "url": "u" }],
            },
        })
    };
    let to_us = event(reply_to("7")).unwrap();
    assert_eq!((to_us.text.as_str(), to_us.addressed), ("and why?", Addressed::Mention));
    let quote = to_us.quote.unwrap();
    assert_eq!(
        (quote.sender_name.as_str(), quote.text.as_str()),
        ("somebody", "because\n[Image: a.png]")
    );
    assert_eq!(event(reply_to("31")).unwrap().addressed, Addressed::No);
}

#[test]
fn files_are_referred_to_by_their_place_because_links_perish() {
    let file = |name: &str, media_type: Value| json!({ "id": "5", "filename": name, "content_type": media_type, "size": 3, "url": "https://x" });
    let files = json!([
        file("a.png", json!("image/png")),
        file("b.mp4", json!("video/mp4")),
        file("c.mp3", json!("audio/mpeg")),
        file("d", Value::Null),
        { "id": "6", "filename": "v.ogg", "content_type": "audio/ogg", "url": "u", "waveform": "AAA=" },
    ]);
    let event = event(json!({ "content": "", "attachments": files })).unwrap();
    let kinds: Vec<FileKind> = event.files.iter().map(|file| file.kind).collect();
    let expected = [
        FileKind::Image,
        FileKind::Video,
        FileKind::Audio,
        FileKind::Document,
        FileKind::Voice,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(event.files[0].reference, "20/4194304000000/5");
}

#[test]
fn what_was_forwarded_or_stuck_on_is_read_too() {
    let forwarded = event(json!({
        "content": "",
        "message_snapshots": [{ "message": { "content": "the news" } }],
        "sticker_items": [{ "id": "1", "name": "wave", "format_type": 1 }],
    }));
    assert_eq!(forwarded.unwrap().text, "[Forwarded] the news\n[Sticker: wave]");
}

#[test]
fn direct_messages_are_for_us_and_bear_the_name_of_the_other_side() {
    let place = Place::direct(Snowflake(21), "Ada");
    let (seen, event) = READER.message(&written(json!({})), &place).unwrap();
    assert_eq!(event.addressed, Addressed::Direct);
    assert_eq!((seen.name.as_deref(), seen.is_group_chat), (Some("Ada"), Some(false)));
}

#[test]
fn a_thread_is_a_chat_of_its_own_that_knows_its_parent() {
    let thread = Place {
        channel: Snowflake(22),
        parent: Some(Snowflake(20)),
        ..channel()
    };
    let (seen, event) = READER.message(&written(json!({})), &thread).unwrap();
    assert_eq!(event.chat.as_str(), "dc:20/22");
    assert_eq!(seen.parent.unwrap().as_str(), "dc:20");
    assert_eq!(channel_of(&event.chat), Some(Snowflake(22)));
}

#[test]
fn an_edit_is_told_once_per_time_and_previews_of_links_are_none() {
    let edit = |changes| READER.edit(&written(changes), &channel()).map(|(_, event)| event);
    assert_eq!(edit(json!({})), None);
    let edited = edit(json!({ "edited_timestamp": "2026-01-01T00:00:00.000000+00:00" })).unwrap();
    assert_eq!(edited.kind, EventKind::Edited);
    assert_eq!(edited.dedup_key, "discord:7:4194304000000:edited:1767225600000");
}

#[test]
fn a_deletion_is_told_without_what_nobody_knows() {
    let deleted: Deleted = serde_json::from_value(json!({ "id": "4", "channel_id": "20", "guild_id": "10" })).unwrap();
    let (_, event) = READER.deletion(&deleted, &channel(), Timestamp::from_millis(5));
    assert_eq!(
        (event.kind, event.dedup_key.as_str()),
        (EventKind::Deleted, "discord:7:4:deleted")
    );
}

#[test]
fn a_slash_command_reads_as_if_it_had_been_typed() {
    let interaction: Interaction = serde_json::from_value(json!({
        "id": "4194304000000", "type": 2, "token": "t", "guild_id": "10",
        "channel": { "id": "20", "type": 0, "name": "general" },
        "member": { "nick": "Countess", "user": { "id": "30", "username": "ada" } },
        "data": { "name": "status", "options": [{ "name": "text", "type": 3, "value": "all" }] },
    }))
    .unwrap();
    let (_, event) = READER.command(&interaction, &channel()).unwrap();
    assert_eq!(
        (event.text.as_str(), event.sender_name.as_str()),
        ("/status all", "Countess")
    );
    assert_eq!(event.addressed, Addressed::Direct);
}

#[test]
fn a_guild_is_known_by_what_is_understood_of_it() {
    let guild: Guild = serde_json::from_value(json!({
        "id": "10", "name": "Workshop",
        "channels": [{ "id": "20", "name": "general" }, { "id": "21", "type": 1_000 }, { "name": "none" }],
        "threads": [7],
    }))
    .unwrap();
    let channels: Vec<Snowflake> = guild.channels.iter().map(|channel| channel.id).collect();
    assert_eq!((channels, guild.threads.len()), (vec![Snowflake(20)], 0));
}
