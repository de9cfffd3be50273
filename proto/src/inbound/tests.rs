use super::*;
use crate::group::GroupSettings;
use crate::sender_allowlist::OnInvalid;

fn group(is_main: bool, settings: GroupSettings) -> Group {
    let id = GroupId::parse("team").unwrap();
    Group {
        id,
        name: "Team".into(),
        is_main,
        settings,
        created_at: Timestamp::default(),
    }
}

fn chat() -> Chat {
    Chat {
        id: ChatId::new("tg:1"),
        channel: "tg".into(),
        account: "bot".into(),
        name: None,
        is_group_chat: true,
        group: None,
        last_seen_at: Timestamp::default(),
        parent: None,
    }
}

fn event(sender: &str, text: &str) -> InboundEvent {
    InboundEvent {
        dedup_key: "tg:bot:1".into(),
        chat: ChatId::new("tg:1"),
        sender: sender.into(),
        sender_name: sender.into(),
        text: text.into(),
        sent_at: Timestamp::default(),
        is_from_me: false,
        is_bot: false,
        trace: None,
        addressed: Addressed::No,
        kind: EventKind::Message,
        quote: None,
        files: Vec::new(),
    }
}

fn engages(group: &Group, list: &SenderAllowlist, event: InboundEvent) -> Option<bool> {
    match decide_intake(event, &chat(), Some(group), list, "Andy").unwrap() {
        Intake::Accept(envelope) => Some(envelope.engages),
        Intake::Dropped | Intake::Own | Intake::Unregistered => None,
    }
}

#[test]
fn ml_05_main_and_groups_without_required_trigger_are_always_engaged() {
    let all = SenderAllowlist::allow_everybody();
    assert_eq!(
        engages(&group(true, GroupSettings::default()), &all, event("u", "hi")),
        Some(true)
    );
    let open = GroupSettings {
        requires_trigger: Some(false),
        ..GroupSettings::default()
    };
    assert_eq!(engages(&group(false, open), &all, event("u", "hi")), Some(true));
    let default = group(false, GroupSettings::default());
    assert_eq!(
        engages(&default, &all, event("u", "hi")),
        Some(false),
        "chatter becomes context"
    );
    assert_eq!(engages(&default, &all, event("u", "@andy hi")), Some(true));
}

#[test]
fn a_group_has_its_own_trigger() {
    let own = GroupSettings {
        trigger: Some("@Bot".into()),
        ..GroupSettings::default()
    };
    let (group, all) = (group(false, own), SenderAllowlist::allow_everybody());
    assert_eq!(engages(&group, &all, event("u", "@bot hi")), Some(true));
    assert_eq!(engages(&group, &all, event("u", "@Andy hi")), Some(false));
}

#[test]
fn sa_05_trigger_mode_stores_but_does_not_engage_and_drop_mode_drops() {
    let group = group(false, GroupSettings::default());
    let list = |mode| {
        let text = format!(r#"{{"default":{{"allow":["boss"],"mode":"{mode}"}}}}"#);
        SenderAllowlist::parse(&text, OnInvalid::DropEverybody).0
    };
    assert_eq!(engages(&group, &list("trigger"), event("boss", "@Andy hi")), Some(true));
    assert_eq!(engages(&group, &list("trigger"), event("eve", "@Andy hi")), Some(false));
    assert_eq!(engages(&group, &list("drop"), event("eve", "@Andy hi")), None);
    let own = InboundEvent {
        is_from_me: true,
        ..event("me", "@Andy hi")
    };
    assert_eq!(
        engages(&group, &list("drop"), own),
        Some(true),
        "ML-07: self may always trigger"
    );
}

#[test]
fn ch_09_unregistered_chats_own_messages_and_bad_texts_never_reach_an_inbox() {
    let all = SenderAllowlist::allow_everybody();
    assert_eq!(
        decide_intake(event("u", "x"), &chat(), None, &all, "Andy"),
        Ok(Intake::Unregistered)
    );
    let own = InboundEvent {
        is_bot: true,
        ..event("andy", "x")
    };
    assert_eq!(engages(&group(true, GroupSettings::default()), &all, own), None);
    let main = group(true, GroupSettings::default());
    let decide = |text: &str| decide_intake(event("u", text), &chat(), Some(&main), &all, "Andy");
    assert_eq!(decide(" \n"), Err(InvalidEvent::Empty));
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(decide(&long), Err(InvalidEvent::TooLong { bytes: long.len() }));
}
