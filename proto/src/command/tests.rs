use super::*;
use crate::group::GroupSettings;
use crate::ids::{ChatId, GroupId};
use crate::time::Timestamp;
use crate::trigger::Trigger;

fn parsed(text: &str) -> Option<Command> {
    Command::parse(text, &Trigger::new("@Andy"))
}

#[test]
fn op_01_a_command_is_the_whole_message_with_or_without_the_trigger() {
    let compact = Some(Command::Session(SessionCommand::Compact));
    for text in [
        "/compact",
        "  /compact\n",
        "@Andy /compact",
        "@andy /compact",
        "@Andy\n/compact ",
    ] {
        assert_eq!(parsed(text), compact, "{text:?}");
    }
    assert_eq!(parsed("/new"), Some(Command::Session(SessionCommand::New)));
    assert_eq!(parsed("/stop"), Some(Command::Stop));
    assert_eq!(parsed("@Andy /status"), Some(Command::Status));
    assert_eq!(parsed("/cost"), Some(Command::Cost));
}

#[test]
fn op_01_case_counts_and_nothing_may_follow() {
    for text in [
        "/Compact",
        "/COMPACT",
        "/compact now",
        "please /compact",
        "compact",
        "/",
        "",
        "@Andy",
        "/compacts",
    ] {
        assert_eq!(parsed(text), None, "{text:?}");
    }
}

#[test]
fn pairing_has_words_of_its_own() {
    assert_eq!(parsed("/pair"), Some(Command::Pair(Pair::Ask)));
    assert_eq!(parsed("@Andy /pair list"), Some(Command::Pair(Pair::List)));
    let approve = |group: Option<&str>| {
        Some(Command::Pair(Pair::Approve {
            code: "ABCD2345".into(),
            group: group.map(str::to_owned),
        }))
    };
    assert_eq!(parsed("/pair approve ABCD2345"), approve(None));
    assert_eq!(parsed("/pair approve  ABCD2345 team"), approve(Some("team")));
    assert_eq!(parsed("/pair approve"), None);
    assert_eq!(parsed("/pair approve a b c"), None);
}

fn group(is_main: bool, requires_trigger: bool) -> Group {
    Group {
        id: GroupId::parse("team").unwrap(),
        name: "team".into(),
        is_main,
        settings: GroupSettings {
            requires_trigger: Some(requires_trigger),
            ..GroupSettings::default()
        },
        created_at: Timestamp::from_millis(0),
    }
}

const ANN: Speaker<'static> = Speaker {
    channel: "telegram",
    sender: "7",
    is_from_me: false,
    is_allowed: true,
    called: false,
};

#[test]
fn op_01_anybody_commands_in_main_and_elsewhere_only_the_owner_and_admins() {
    let admins = ["telegram:7".to_owned()];
    assert_eq!(decide(&group(true, true), &ANN, &[]), Verdict::Allowed);
    assert_eq!(decide(&group(false, true), &ANN, &admins), Verdict::Allowed);
    let owner = Speaker {
        is_from_me: true,
        is_allowed: false,
        ..ANN
    };
    assert_eq!(decide(&group(false, true), &owner, &[]), Verdict::Allowed);
    let elsewhere = Speaker {
        channel: "slack",
        ..ANN
    };
    assert_ne!(decide(&group(false, true), &elsewhere, &admins), Verdict::Allowed);
}

#[test]
fn op_01_a_refusal_is_told_only_to_those_who_could_talk_to_the_assistant() {
    let called = Speaker { called: true, ..ANN };
    assert_eq!(decide(&group(false, true), &called, &[]), Verdict::Refused);
    assert_eq!(decide(&group(false, false), &ANN, &[]), Verdict::Refused);
    assert_eq!(decide(&group(false, true), &ANN, &[]), Verdict::Ignored);
    let dropped = Speaker {
        is_allowed: false,
        ..called
    };
    assert_eq!(decide(&group(false, true), &dropped, &[]), Verdict::Ignored);
    assert_eq!(decide(&group(true, true), &dropped, &[]), Verdict::Ignored);
}

#[test]
fn a_pairing_code_is_short_typed_in_any_case_and_made_of_letters_that_are_not_mistaken() {
    let code = PairCode::from_bits(u64::MAX);
    assert_eq!(PairCode::parse(&code.as_str().to_lowercase()).unwrap(), code);
    assert_ne!(PairCode::from_bits(1), PairCode::from_bits(2));
    for wrong in ["", "ABCD", "ABCD234O", "ABCD23456", "ABCD 345"] {
        assert!(PairCode::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_chat_without_a_group_asks_for_pairing_with_or_without_a_name_before_it() {
    let chat = Chat {
        id: ChatId::new("tg:1"),
        channel: "telegram".into(),
        account: "1".into(),
        name: None,
        is_group_chat: true,
        group: None,
        last_seen_at: Timestamp::from_millis(0),
        parent: None,
    };
    let asks = |text: &str| {
        let event = InboundEvent {
            dedup_key: "telegram:1:1".into(),
            chat: chat.id.clone(),
            sender: "7".into(),
            sender_name: "Ann".into(),
            text: text.into(),
            sent_at: Timestamp::from_millis(0),
            is_from_me: false,
            is_bot: false,
            addressed: Addressed::No,
            kind: EventKind::Message,
            quote: None,
            files: Vec::new(),
            trace: None,
        };
        asks_for_pairing(&event, &chat, &SenderAllowlist::allow_everybody())
    };
    for text in ["/pair", " /pair\n", "@Andy /pair", "@andy\n/pair "] {
        assert!(asks(text), "{text:?}");
    }
    for text in [
        "pair",
        "/pair list",
        "@Andy",
        "Andy /pair",
        "@Andy, please /pair",
        "/pair @Andy",
    ] {
        assert!(!asks(text), "{text:?}");
    }
}
