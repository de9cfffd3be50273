use super::*;
use crate::ids::{ChatId, GroupId};
use crate::inbound::{Details, Envelope};
use crate::task::{ContextMode, TaskId};

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
            details: Details::default(),
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

fn said(text: &str) -> Said {
    Said {
        chat: ChatId::new("c"),
        text: text.to_owned(),
        sender: None,
    }
}

#[test]
fn an_interrupted_run_is_told_what_it_already_sent() {
    let messages = [message(1, "Ann", "hi", true)];
    insta::assert_snapshot!(format_interrupted(Tz::UTC, &[said("on <it>")], &messages), @r#"
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

fn firing(ord: i64, context: ContextMode) -> InboxMessage {
    let mut message = message(ord, "Scheduled task", "water the plants & report", true);
    message.envelope.task = Some(FiringRef {
        task: TaskId::parse("plants").unwrap(),
        due_at: Timestamp::from_millis(1_704_115_800_000),
        context,
        check_script: None,
    });
    message
}

fn ords(batch: Option<&[InboxMessage]>) -> Vec<i64> {
    batch.unwrap().iter().map(|message| message.ord.0).collect()
}

#[test]
fn f_06_a_firing_is_a_notice_and_the_words_of_its_task() {
    let batch = [firing(1, ContextMode::Group)];
    insta::assert_snapshot!(format_batch(Tz::UTC, &batch), @r"
    [SCHEDULED TASK - This was started by a schedule. Nobody in the chat has just written it.]

    water the plants & report
    ");
}

#[test]
fn chatter_before_a_firing_is_its_context() {
    let batch = [message(1, "Ann", "it is hot", false), firing(2, ContextMode::Group)];
    insta::assert_snapshot!(format_batch(Tz::UTC, &batch), @r#"
    <context timezone="UTC" />
    <messages>
    <message sender="Ann" time="Jan 1, 2024, 1:30 PM">it is hot</message>
    </messages>

    [SCHEDULED TASK - This was started by a schedule. Nobody in the chat has just written it.]

    water the plants & report
    "#);
}

#[test]
fn a_firing_never_shares_a_turn_with_messages_that_call() {
    let pending = [
        message(1, "Ann", "hi", true),
        message(2, "Bob", "ho", false),
        firing(3, ContextMode::Group),
        message(4, "Ann", "you there?", true),
    ];
    assert_eq!(ords(choose_batch(&pending)), [1, 2]);
    assert_eq!(ords(choose_batch(&pending[1..])), [2, 3]);
    assert_eq!(ords(choose_batch(&pending[3..])), [4]);
}

#[test]
fn an_isolated_firing_is_quite_alone_and_chatter_waits_for_the_group() {
    let chatter = message(1, "Ann", "hm", false);
    let pending = [chatter.clone(), firing(2, ContextMode::Isolated)];
    let alone = choose_batch(&pending).unwrap();
    assert_eq!(ords(Some(alone)), [2]);
    assert_eq!(ords(Some(&with_unseen(vec![chatter.clone()], alone))), [2]);
    let called = [message(3, "Ann", "hi", true)];
    assert_eq!(ords(Some(&with_unseen(vec![chatter], &called))), [1, 3]);
}

#[test]
fn a_later_attempt_at_a_firing_is_the_same_batch() {
    for context in [ContextMode::Group, ContextMode::Isolated] {
        let pending = [
            message(1, "Ann", "hm", false),
            firing(2, context),
            message(3, "Ann", "hi", true),
        ];
        assert_eq!(choose_batch_again(&pending, InboxOrd(2)), choose_batch(&pending));
    }
    let pending = [message(1, "Ann", "hi", true), firing(2, ContextMode::Group)];
    assert_eq!(ords(choose_batch_again(&pending, InboxOrd(1))), [1]);
}

fn command(ord: i64, command: SessionCommand) -> InboxMessage {
    let mut message = message(ord, "Ann", command.as_str(), true);
    message.envelope.details.command = Some(command);
    message
}

#[test]
fn op_01_a_command_is_a_batch_of_its_own_behind_what_was_said_before_it() {
    let pending = [
        message(1, "Ann", "one", true),
        command(2, SessionCommand::Compact),
        message(3, "Ann", "two", true),
    ];
    assert_eq!(choose_batch(&pending), Some(&pending[..1]));
    assert_eq!(choose_batch(&pending[1..]), Some(&pending[1..2]));
    assert_eq!(choose_batch_again(&pending[1..], InboxOrd(3)), Some(&pending[1..2]));
    assert_eq!(choose_batch_again(&pending, InboxOrd(3)), Some(&pending[..1]));
}

#[test]
fn op_01_chatter_lets_a_command_pass_and_is_shown_later() {
    let pending = [message(1, "Ann", "chatter", false), command(2, SessionCommand::Compact)];
    assert_eq!(choose_batch(&pending), Some(&pending[1..]));
    let unseen = vec![pending[0].clone()];
    assert_eq!(with_unseen(unseen, &pending[1..]), &pending[1..]);
}

#[test]
fn op_01_the_prompt_of_a_command_is_the_command_itself() {
    let batch = [command(1, SessionCommand::Compact)];
    assert_eq!(format_batch(Tz::UTC, &batch), "/compact");
    assert_eq!(format_interrupted(Tz::UTC, &[said("sent")], &batch), "/compact");
}
