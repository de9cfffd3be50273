//! What is heard of Slack's messages.

use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent};
use proto::time::Timestamp;
use serde_json::{Value, json};

use super::super::events::{Heard, Looked, Reader, heard};
use super::super::model::{Me, Message};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn message(event: Value) -> Message {
    serde_json::from_value(event).unwrap()
}

fn read(event: Value) -> Option<(ChatSeen, InboundEvent)> {
    read_where(event, false)
}

fn read_where(event: Value, answer_in_threads: bool) -> Option<(ChatSeen, InboundEvent)> {
    let message = message(event);
    let me = Me {
        user_id: "UBOT".to_owned(),
        bot_id: Some("BBOT".to_owned()),
    };
    let reader = Reader {
        me: &me,
        answer_in_threads,
    };
    let names = Looked {
        sender: "Ann".to_owned(),
        channel: Some("#general".to_owned()),
    };
    reader.event(heard(&message)?, &message.channel, names, NOW)
}

#[test]
fn a_message_is_known_by_its_channel_and_time() {
    let (seen, event) = read(json!({
        "type": "message", "channel": "C1", "channel_type": "channel", "user": "U1", "text": "hi &amp; bye", "ts": "1355517523.000005"
    }))
    .unwrap();
    assert_eq!(event.dedup_key, "slack:app:C1/1355517523.000005");
    assert_eq!(
        (event.chat.as_str(), event.text.as_str(), event.sender.as_str()),
        ("slack:C1", "hi & bye", "U1")
    );
    assert_eq!(event.sent_at, Timestamp::from_millis(1_355_517_523_000));
    assert_eq!((event.addressed, event.is_bot), (Addressed::No, false));
    assert_eq!(
        (seen.name.as_deref(), seen.is_group_chat, seen.parent),
        (Some("#general"), Some(true), None)
    );
}

#[test]
fn a_mention_means_us_and_stays_in_the_text() {
    let (_, event) =
        read(json!({ "channel": "C1", "user": "U1", "text": "hey <@UBOT>, ask <@U2>", "ts": "1.0" })).unwrap();
    assert_eq!(
        (event.addressed, event.text.as_str()),
        (Addressed::Mention, "hey <@UBOT>, ask <@U2>")
    );
    let (seen, event) = read(json!({ "channel": "D1", "user": "U1", "text": "hi", "ts": "1.0" })).unwrap();
    assert_eq!((event.addressed, seen.is_group_chat), (Addressed::Direct, Some(false)));
}

/// Slack's composer keeps a bare `/new` for itself.
#[test]
fn a_command_behind_a_mention_of_us_is_the_whole_text() {
    let said = |text: &str| {
        let (_, event) = read(json!({ "channel": "C1", "user": "U1", "text": text, "ts": "1.0" })).unwrap();
        (event.text, event.addressed)
    };
    for text in ["<@UBOT> /new", " <@UBOT>\u{a0}/new", "<@UBOT>/new"] {
        assert_eq!(said(text), ("/new".to_owned(), Addressed::Mention), "{text}");
    }
    for text in [
        "<@U2> /new",
        "<@UBOT> what does /new do?",
        "<@UBOT>",
        "tell <@UBOT> /new",
    ] {
        assert_eq!(said(text).0, text);
    }
}

#[test]
fn a_mention_opens_a_thread_where_that_is_wished_and_a_command_does_not() {
    let chat = |text: &str| {
        let event = json!({ "channel": "C1", "user": "U1", "text": text, "ts": "1.0" });
        read_where(event, true).unwrap().1.chat
    };
    assert_eq!(chat("<@UBOT> hello").as_str(), "slack:C1/1.0");
    assert_eq!(chat("<@UBOT> /pair").as_str(), "slack:C1");
}

#[test]
fn an_answer_belongs_to_its_thread_and_the_first_message_to_the_channel() {
    let (seen, event) =
        read(json!({ "channel": "C1", "user": "U1", "text": "a", "ts": "2.0", "thread_ts": "1.0" })).unwrap();
    assert_eq!(event.chat.as_str(), "slack:C1/1.0");
    assert_eq!(seen.parent.map(|chat| chat.to_string()), Some("slack:C1".to_owned()));
    let (seen, event) =
        read(json!({ "channel": "C1", "user": "U1", "text": "a", "ts": "1.0", "thread_ts": "1.0" })).unwrap();
    assert_eq!((event.chat.as_str(), seen.parent), ("slack:C1", None));
    let broadcast = json!({ "subtype": "thread_broadcast", "channel": "C1", "user": "U1", "text": "a", "ts": "2.0", "thread_ts": "1.0" });
    assert_eq!(read(broadcast).unwrap().1.chat.as_str(), "slack:C1/1.0");
}

#[test]
fn our_own_messages_are_ours_and_those_of_other_bots_theirs() {
    for own in [
        json!({ "user": "UBOT" }),
        json!({ "subtype": "bot_message", "bot_id": "BBOT" }),
    ] {
        let mut event = json!({ "channel": "C1", "text": "a", "ts": "1.0" });
        event.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        assert!(read(event).unwrap().1.is_bot, "{own}");
    }
    let other = json!({ "subtype": "bot_message", "channel": "C1", "bot_id": "B2", "text": "a", "ts": "1.0" });
    let (_, event) = read(other).unwrap();
    assert_eq!((event.is_bot, event.sender.as_str()), (false, "B2"));
}

#[test]
fn changes_and_deletions_are_told_and_a_preview_of_a_link_is_not() {
    let changed = |before: &str, after: &str| {
        json!({
            "subtype": "message_changed", "channel": "C1", "ts": "3.0",
            "message": { "user": "U1", "text": after, "ts": "1.0", "edited": { "user": "U1", "ts": "3.5" } },
            "previous_message": { "user": "U1", "text": before, "ts": "1.0" },
        })
    };
    let (_, event) = read(changed("a", "b")).unwrap();
    assert_eq!(
        (event.kind, event.text.as_str(), event.dedup_key.as_str()),
        (EventKind::Edited, "b", "slack:app:C1/1.0/edited/3.5")
    );
    assert!(read(changed("a", "a")).is_none());
    let deleted = json!({
        "subtype": "message_deleted", "channel": "C1", "ts": "3.0", "deleted_ts": "1.0",
        "previous_message": { "user": "U1", "text": "a", "ts": "1.0" },
    });
    let (_, event) = read(deleted).unwrap();
    assert_eq!(
        (event.kind, event.dedup_key.as_str()),
        (EventKind::Deleted, "slack:app:C1/1.0/deleted")
    );
    let with_answers = json!({
        "subtype": "message_changed", "channel": "C1", "ts": "3.0",
        "message": { "subtype": "tombstone", "text": "This message was deleted.", "ts": "1.0" },
        "previous_message": { "user": "U1", "text": "a", "ts": "1.0" },
    });
    assert!(matches!(heard(&message(with_answers)), Some(Heard::Deleted { .. })));
}

/// SL-02.
#[test]
fn what_is_no_message_is_not_heard() {
    for subtype in ["channel_join", "channel_topic", "pinned_item", "message_replied"] {
        assert!(
            read(json!({ "subtype": subtype, "channel": "C1", "user": "U1", "text": "a", "ts": "1.0" })).is_none(),
            "{subtype}"
        );
    }
    assert!(read(json!({ "channel": "C1", "user": "U1", "text": " ", "ts": "1.0" })).is_none());
}

#[test]
fn files_come_with_kind_size_and_where_they_lie() {
    let event = json!({
        "subtype": "file_share", "channel": "C1", "user": "U1", "text": "", "ts": "1.0",
        "files": [
            { "id": "F1", "name": "a.png", "mimetype": "image/png", "size": 7, "mode": "hosted", "url_private_download": "https://files.slack.com/a" },
            { "id": "F2", "mimetype": "audio/mp4", "subtype": "slack_audio", "url_private": "https://files.slack.com/b" },
            { "id": "F3", "mode": "tombstone" },
        ],
    });
    let (_, event) = read(event).unwrap();
    let files: Vec<_> = event
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.kind, file.bytes))
        .collect();
    assert_eq!(
        files,
        [("a.png", FileKind::Image, Some(7)), ("F2", FileKind::Voice, None)]
    );
    assert_eq!(event.files[0].reference, "https://files.slack.com/a");
}
