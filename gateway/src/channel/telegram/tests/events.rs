//! What a message says, as plain data.

use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent};
use serde_json::{Value, json};

use super::super::events::{Question, Said, read};
use super::super::wire::{Update, User};

fn me() -> User {
    serde_json::from_value(json!({ "id": 4242, "first_name": "Andy", "username": "andy_bot" })).unwrap()
}

/// Reads a message of Ann's in a supergroup, with these fields.
fn said(fields: Value) -> Said {
    let mut message = json!({
        "message_id": 17,
        "date": 1_800_000_000,
        "from": { "id": 7, "first_name": "Ann", "username": "ann" },
        "chat": { "id": -1001, "type": "supergroup", "title": "Club" },
    });
    message
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let update: Update = serde_json::from_value(json!({ "update_id": 5, "message": message })).unwrap();
    read(&update, &me())
}

fn event(fields: Value) -> (ChatSeen, InboundEvent) {
    match said(fields) {
        Said::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn addressed(fields: Value) -> Addressed {
    event(fields).1.addressed
}

#[test]
fn tg_03_tg_04_a_text_has_its_sender_time_and_chat() {
    let (seen, event) = event(json!({ "text": "hello" }));
    assert_eq!(event.dedup_key, "telegram:4242:-1001/17");
    assert_eq!(
        (&*event.sender, &*event.sender_name, &*event.text),
        ("7", "Ann", "hello")
    );
    assert_eq!(event.sent_at.as_millis(), 1_800_000_000_000);
    assert_eq!((seen.id.as_str(), seen.name.as_deref()), ("tg:-1001", Some("Club")));
    assert_eq!((seen.is_group_chat, seen.parent), (Some(true), None));
}

#[test]
fn tg_03_a_sender_without_a_name_is_called_by_what_there_is() {
    let name = |from: Value| event(json!({ "text": "x", "from": from })).1.sender_name;
    assert_eq!(name(json!({ "id": 7, "first_name": "", "username": "ann" })), "ann");
    assert_eq!(name(json!({ "id": 7 })), "7");
    let anonymous = json!({ "text": "x", "sender_chat": { "id": -1001, "type": "supergroup", "title": "Club" } });
    let anonymous = event(anonymous).1;
    assert_eq!((&*anonymous.sender, &*anonymous.sender_name), ("-1001", "Club"));
}

#[test]
fn tg_05_a_mention_counts_in_texts_and_captions_and_is_not_confused_with_others() {
    let mention = |at: usize, length: usize| json!([{ "type": "mention", "offset": at, "length": length }]);
    assert_eq!(
        addressed(json!({ "text": "😀 @ANDY_bot hi", "entities": mention(3, 9) })),
        Addressed::Mention
    );
    let photo = json!([{ "file_id": "f" }]);
    let caption = json!({ "caption": "@andy_bot see", "caption_entities": mention(0, 9), "photo": photo });
    assert_eq!(addressed(caption), Addressed::Mention);
    assert_eq!(
        addressed(json!({ "text": "@andy_bot2 hi", "entities": mention(0, 10) })),
        Addressed::No
    );
    assert_eq!(addressed(json!({ "text": "mail x@andy_bot" })), Addressed::No);
    assert_eq!(
        addressed(json!({ "text": "x", "entities": mention(900, 9) })),
        Addressed::No
    );
}

#[test]
fn a_mention_without_username_an_answer_to_us_and_a_private_chat_address_us() {
    let text_mention = |id: i64| json!([{ "type": "text_mention", "offset": 0, "length": 4, "user": { "id": id } }]);
    assert_eq!(
        addressed(json!({ "text": "Andy!", "entities": text_mention(4242) })),
        Addressed::Mention
    );
    assert_eq!(
        addressed(json!({ "text": "Bob!", "entities": text_mention(9) })),
        Addressed::No
    );
    let answer = |id: i64| {
        let chat = json!({ "id": -1001, "type": "supergroup" });
        json!({ "text": "yes", "reply_to_message": { "message_id": 3, "date": 1, "chat": chat, "from": { "id": id }, "text": "q?" } })
    };
    assert_eq!(addressed(answer(4242)), Addressed::Mention);
    assert_eq!(addressed(answer(9)), Addressed::No);
    let private = json!({ "text": "hi", "chat": { "id": 7, "type": "private", "first_name": "Ann" } });
    assert_eq!(addressed(private), Addressed::Direct);
}

#[test]
fn tg_d1_topics_are_chats_of_their_own_and_their_first_message_is_no_quote() {
    let chat = json!({ "id": -1001, "type": "supergroup" });
    let opening = json!({
        "message_id": 3, "date": 1, "chat": chat, "from": { "id": 4242 }, "forum_topic_created": { "name": "Cats" }
    });
    let in_topic =
        json!({ "text": "x", "message_thread_id": 3, "is_topic_message": true, "reply_to_message": opening });
    let (seen, event) = event(in_topic);
    assert_eq!(seen.id.as_str(), "tg:-1001/3");
    assert_eq!(seen.parent.unwrap().as_str(), "tg:-1001");
    assert_eq!(seen.name.unwrap(), "Club / Cats");
    assert_eq!((event.addressed, event.quote), (Addressed::No, None));
    // A thread of replies in a group without topics is no topic.
    let (seen, _) = self::event(json!({ "text": "x", "message_thread_id": 3 }));
    assert_eq!(seen.id.as_str(), "tg:-1001");
}

#[test]
fn tg_d1_an_answer_quotes_what_it_answers() {
    let chat = json!({ "id": -1001, "type": "supergroup" });
    let mut answer = json!({
        "text": "no",
        "reply_to_message": {
            "message_id": 3, "date": 1, "chat": chat, "from": { "id": 9, "first_name": "Bob" },
            "caption": "look", "document": { "file_id": "d", "file_name": "a.txt" },
        },
    });
    let quote = event(answer.clone()).1.quote.unwrap();
    assert_eq!((&*quote.sender_name, &*quote.text), ("Bob", "look [File: a.txt]"));
    answer["quote"] = json!({ "text": "loo" });
    assert_eq!(event(answer).1.quote.unwrap().text, "loo");
}

#[test]
fn tg_06_files_are_told_with_kind_name_and_size() {
    let file = |kind: &str, file: Value| event(json!({ kind: file, "caption": "c" })).1;
    let photo = file(
        "photo",
        json!([{ "file_id": "small" }, { "file_id": "large", "file_size": 9 }]),
    );
    assert_eq!(
        (&*photo.text, &*photo.files[0].reference, photo.files[0].bytes),
        ("c", "large", Some(9))
    );
    let kinds = [
        ("voice", FileKind::Voice, "voice.ogg"),
        ("audio", FileKind::Audio, "audio.mp3"),
        ("video", FileKind::Video, "video.mp4"),
        ("video_note", FileKind::Video, "video.mp4"),
        ("document", FileKind::Document, "file"),
    ];
    for (field, kind, name) in kinds {
        let event = file(field, json!({ "file_id": "f" }));
        assert_eq!((event.files[0].kind, &*event.files[0].name), (kind, name));
    }
    let both = json!({ "animation": { "file_id": "a" }, "document": { "file_id": "a" } });
    assert_eq!(event(both).1.files.len(), 1, "an animation is given twice");
}

#[test]
fn tg_06_stickers_places_and_contacts_are_told_in_words() {
    let text = |fields: Value| event(fields).1.text;
    assert_eq!(
        text(json!({ "sticker": { "file_id": "s", "emoji": "😀" } })),
        "[Sticker 😀]"
    );
    assert_eq!(
        text(json!({ "location": { "latitude": 52.5, "longitude": 13.25 } })),
        "[Location] 52.5, 13.25"
    );
    let contact = json!({ "contact": { "phone_number": "+49", "first_name": "Bob" } });
    assert_eq!(text(contact), "[Contact] Bob +49");
}

#[test]
fn tg_02_questions_are_answered_and_other_bots_commands_are_not_ours() {
    let asks =
        |text: &str, question| matches!(said(json!({ "text": text })), Said::Asked(asked, ..) if asked == question);
    assert!(asks("/chatid", Question::ChatId) && asks("/ping@Andy_bot", Question::Ping));
    for other in ["/ping@other_bot", "/new@other_bot x", "/start", "/start abc"] {
        assert!(matches!(said(json!({ "text": other })), Said::Nothing), "{other}");
    }
    assert_eq!(event(json!({ "text": "/new@andy_bot now" })).1.text, "/new now");
}

#[test]
fn a_command_behind_a_mention_of_us_is_the_whole_text() {
    let text = |text: &str| event(json!({ "text": text })).1.text;
    assert_eq!(text("@Andy_bot /new"), "/new");
    assert_eq!(text("@andy_bot\n/new@andy_bot"), "/new");
    for other in ["@other_bot /new", "@andy_bot what does /new do?", "@andy_bot"] {
        assert_eq!(text(other), other);
    }
    let asked = said(json!({ "text": "@andy_bot /ping" }));
    assert!(matches!(asked, Said::Asked(Question::Ping, ..)), "{asked:?}");
}

#[test]
fn start_is_something_to_take_only_where_a_person_is_alone_with_us() {
    let private = json!({ "text": "/start", "chat": { "id": 7, "type": "private", "first_name": "Ann" } });
    let Said::Started(started) = said(private) else {
        panic!("it begins a chat")
    };
    assert_eq!(
        (started.0.id.as_str(), started.1.addressed),
        ("tg:7", Addressed::Direct)
    );
}

#[test]
fn an_edit_has_a_key_of_its_own_and_says_what_it_is() {
    let message = json!({
        "message_id": 17, "date": 1, "edit_date": 2, "text": "new", "from": { "id": 7, "first_name": "Ann" },
        "chat": { "id": -1001, "type": "supergroup", "title": "Club" },
    });
    let update: Update = serde_json::from_value(json!({ "update_id": 6, "edited_message": message })).unwrap();
    let Said::Event(event) = read(&update, &me()) else {
        panic!("an edit is an event")
    };
    assert_eq!(
        (event.1.kind, &*event.1.dedup_key),
        (EventKind::Edited, "telegram:4242:-1001/17/edited/6")
    );
}

#[test]
fn what_is_no_message_of_people_says_nothing() {
    assert!(matches!(
        said(json!({ "new_chat_members": [{ "id": 9 }] })),
        Said::Nothing
    ));
    let update: Update = serde_json::from_value(json!({ "update_id": 6, "poll": {} })).unwrap();
    assert!(matches!(read(&update, &me()), Said::Nothing));
}
