use super::*;
use crate::ids::{ChatId, GroupId};
use crate::inbound::Envelope;

fn message(ord: i64, name: &str, text: &str, engages: bool) -> InboxMessage {
    InboxMessage {
        ord: InboxOrd(ord),
        envelope: Envelope {
            dedup_key: format!("cli:local:{ord}"),
            group: GroupId::parse("main").unwrap(),
            chat: ChatId::new("cli:main"),
            sender: "u".into(),
            sender_name: name.into(),
            text: text.into(),
            sent_at: Timestamp::from_millis(1_704_115_800_000),
            engages,
            trace: None,
            task: None,
        },
    }
}

#[test]
fn f_01_to_f_05_the_prompt_is_a_context_line_and_escaped_messages() {
    let messages = [
        message(1, "Ann \"A\"", "1 < 2 & 'x'", true),
        message(2, "Bob", "hi", true),
    ];
    insta::assert_snapshot!(format_messages(Tz::Europe__Berlin, &messages), @r#"
    <context timezone="Europe/Berlin" />
    <messages>
    <message sender="Ann &quot;A&quot;" time="Jan 1, 2024, 2:30 PM">1 &lt; 2 &amp; 'x'</message>
    <message sender="Bob" time="Jan 1, 2024, 2:30 PM">hi</message>
    </messages>
    "#);
}

#[test]
fn f_02_an_empty_list_keeps_both_newlines() {
    assert_eq!(
        format_messages(Tz::UTC, []),
        "<context timezone=\"UTC\" />\n<messages>\n\n</messages>"
    );
}

#[test]
fn an_interrupted_run_is_told_what_it_already_sent() {
    let messages = [message(1, "Ann", "hi", true)];
    insta::assert_snapshot!(format_interrupted(Tz::UTC, &["on <it>".into()], &messages), @r#"
    [Your run was interrupted before it was finished. Continue where you left off: do not repeat steps that are done, and give your final answer to the messages below.]
    [These messages of yours were already sent; do not send them again:]
    <already_sent>
    <sent>on &lt;it&gt;</sent>
    </already_sent>
    <context timezone="UTC" />
    <messages>
    <message sender="Ann" time="Jan 1, 2024, 1:30 PM">hi</message>
    </messages>
    "#);
}

#[test]
fn chatter_alone_starts_nothing_and_goes_along_as_context() {
    let chatter = [message(1, "a", "x", false), message(2, "a", "y", false)];
    assert_eq!(choose_batch(&chatter), None);
    let called = [
        message(1, "a", "x", false),
        message(2, "a", "@Andy", true),
        message(3, "a", "z", false),
    ];
    assert_eq!(choose_batch(&called).map(<[_]>::len), Some(3));
}

#[test]
fn db_d5_more_pending_messages_than_fit_are_taken_in_order_not_dropped() {
    let mut pending: Vec<_> = (0..450).map(|n| message(n, "a", "x", n == 10)).collect();
    pending.push(message(450, "a", "@Andy", true));
    let mut rest = &pending[..];
    let mut sizes = Vec::new();
    while let Some(batch) = choose_batch(rest) {
        sizes.push(batch.len());
        rest = &rest[batch.len()..];
    }
    assert_eq!((sizes, rest.len()), (vec![200, 251], 0));
}

#[test]
fn a_later_attempt_covers_at_least_what_the_session_has_seen() {
    let mut pending: Vec<_> = (1..=250).map(|n| message(n, "a", "x", n == 1)).collect();
    let length = |pending: &[InboxMessage], seen| choose_batch_again(pending, InboxOrd(seen)).map(<[_]>::len);
    assert_eq!(
        (length(&pending, 230), length(&pending, 10), length(&pending, 0)),
        (Some(230), Some(200), Some(200))
    );
    pending.clear();
    assert_eq!(length(&pending, 5), None);
}
