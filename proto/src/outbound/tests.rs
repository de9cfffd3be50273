//! The life of an outbox row, and its parts.

use proptest::prelude::*;

use super::*;
use crate::ids::{ChatId, GroupId, OutboxId};

fn delivery(text: &str) -> Delivery {
    Delivery {
        id: OutboxId(uuid::Uuid::nil()),
        chat: ChatId::new("test:1"),
        channel: "test".into(),
        account: "bot".into(),
        group: GroupId::parse("g").unwrap(),
        turn: None,
        seq: 1,
        text: text.into(),
        sender: None,
        extra: None,
        state: OutboxState::Sending,
        attempts: 1,
        failures: 0,
        sent_through: 0,
        in_doubt: false,
        created_at: Timestamp::from_millis(0),
    }
}

/// What follows from an outcome after this many failures in a row, for a text of one part.
fn after(outcome: SendOutcome, failures: u32, resend: Resend, now: Timestamp) -> AfterSend {
    let delivery = Delivery {
        failures,
        ..delivery("hi")
    };
    let part = next_part(&delivery.text, 0, Limits::NONE);
    decide_after_send(outcome, &delivery, &part, resend, now)
}

fn after_death(failures: u32, resend: Resend, now: Timestamp) -> AfterSend {
    let delivery = Delivery {
        failures,
        ..delivery("hi")
    };
    let part = next_part(&delivery.text, 0, Limits::NONE);
    decide_after_interruption(&delivery, &part, resend, now)
}

#[test]
fn f_08_internal_blocks_are_removed() {
    assert_eq!(strip_internal("a<internal>x\ny</internal>b"), Some("ab".into()));
    assert_eq!(
        strip_internal(" <internal>a</internal> c <internal>b</internal> "),
        Some("c".into())
    );
    assert_eq!(strip_internal("<internal>only</internal>\n"), None);
    assert_eq!(
        strip_internal("<internal>open"),
        Some("<internal>open".into()),
        "an unclosed tag stays"
    );
    assert_eq!(
        strip_internal("<Internal>a</Internal>"),
        Some("<Internal>a</Internal>".into())
    );
}

#[test]
fn what_may_have_arrived_is_sent_again_only_where_that_is_harmless() {
    let lost = || SendOutcome::Uncertain {
        reason: "no answer".into(),
    };
    let now = Timestamp::from_millis(0);
    assert!(matches!(
        after(lost(), 0, Resend::Harmless, now),
        AfterSend::Retry { .. }
    ));
    assert!(matches!(
        after(lost(), 0, Resend::Never, now),
        AfterSend::Uncertain { .. }
    ));
}

#[test]
fn an_interrupted_send_is_repeated_only_where_that_is_harmless_and_not_for_ever() {
    let now = Timestamp::from_millis(5);
    let again = after_death(8, Resend::Harmless, now);
    assert!(matches!(again, AfterSend::Retry { not_before, .. } if not_before == now));
    assert!(matches!(
        after_death(0, Resend::Never, now),
        AfterSend::Uncertain { .. }
    ));
    let last = after_death(SEND_ATTEMPTS_MAX - 1, Resend::Harmless, now);
    assert!(
        matches!(last, AfterSend::Dead { .. }),
        "a delivery that kills the process ends as well"
    );
}

#[test]
fn the_platform_decides_when_to_retry_else_the_wait_doubles_up_to_five_minutes() {
    let now = Timestamp::from_millis(0);
    let wait = |attempts: u32, retry_after| {
        let outcome = SendOutcome::NotSent {
            reason: "busy".into(),
            retry_after,
        };
        match after(outcome, attempts - 1, Resend::Never, now) {
            AfterSend::Retry { not_before, .. } => not_before.as_millis() / 1000,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (wait(1, None), wait(2, None), wait(3, None), wait(30, None)),
        (1, 2, 4, 300)
    );
    assert_eq!(wait(9, Some(Duration::from_secs(7))), 7);
}

/// Else a platform that says "in a second" for twenty minutes would cost the reply.
#[test]
fn a_short_wait_that_the_platform_asks_for_does_not_count_towards_giving_up() {
    let counts = |failures, retry_after: u64| {
        let busy = SendOutcome::NotSent {
            reason: "429".into(),
            retry_after: Some(Duration::from_secs(retry_after)),
        };
        match after(busy, failures, Resend::Never, Timestamp::from_millis(0)) {
            AfterSend::Retry { counts, .. } => counts,
            other => panic!("{other:?}"),
        }
    };
    assert!(counts(0, 1), "no shorter than our own");
    assert!(!counts(1, 1));
    assert!(!counts(30, 299));
    assert!(counts(30, 300));
}

#[test]
fn what_the_account_itself_refuses_is_not_counted_towards_giving_up() {
    let down = SendOutcome::AccountDown {
        reason: "401".into(),
        retry_after: None,
    };
    let after = after(down, SEND_ATTEMPTS_MAX, Resend::Never, Timestamp::from_millis(0));
    assert!(matches!(after, AfterSend::Retry { counts: false, .. }));
}

#[test]
fn a_part_in_doubt_does_not_hold_back_the_rest_and_the_row_says_so_at_its_end() {
    let limits = Limits {
        text_max: 10,
        unit: TextUnit::Chars,
    };
    let now = Timestamp::from_millis(0);
    let mut row = delivery("first part second");
    let part = next_part(&row.text, 0, limits);
    let lost = SendOutcome::Uncertain {
        reason: "no answer".into(),
    };
    let AfterSend::Part { through, in_doubt } = decide_after_send(lost, &row, &part, Resend::Never, now) else {
        panic!("the second part must follow");
    };
    assert!(in_doubt);
    (row.sent_through, row.in_doubt) = (through, in_doubt);
    let part = next_part(&row.text, row.sent_through, limits);
    assert!(part.is_last);
    let sent = SendOutcome::Sent { platform_id: None };
    let after = decide_after_send(sent, &row, &part, Resend::Never, now);
    assert!(matches!(after, AfterSend::Uncertain { .. }));
}

/// All parts of a text.
fn parts(text: &str, limits: Limits) -> Vec<Part> {
    let mut parts = vec![next_part(text, 0, limits)];
    while !parts[parts.len() - 1].is_last {
        parts.push(next_part(text, parts[parts.len() - 1].through, limits));
    }
    parts
}

fn texts(text: &str, text_max: usize) -> Vec<String> {
    let limits = Limits {
        text_max,
        unit: TextUnit::Chars,
    };
    parts(text, limits).into_iter().map(|part| part.text).collect()
}

#[test]
fn a_text_is_cut_where_a_reader_would_cut_it() {
    assert_eq!(texts("short", 100), ["short"]);
    assert_eq!(texts("", 100), [""]);
    assert_eq!(texts("one two three four five", 16), ["one two three", "four five"]);
    assert_eq!(
        texts("First one. Second one. Third", 18),
        ["First one.", "Second one. Third"]
    );
    assert_eq!(texts("a paragraph\n\nanother one", 20), ["a paragraph", "another one"]);
    assert_eq!(texts("nowordshere", 8), ["nowordsh", "ere"]);
}

#[test]
fn a_code_block_that_is_cut_is_closed_and_opened_again() {
    let text = "Look:\n```rust\nlet a = 1;\n    let b = 2;\nlet c = 3;\n```\nDone.";
    assert_eq!(
        texts(text, 40),
        [
            "Look:\n```rust\nlet a = 1;\n```",
            "```rust\n    let b = 2;\nlet c = 3;\n```",
            "Done."
        ]
    );
}

#[test]
fn a_part_does_not_depend_on_what_the_limits_were_before() {
    let text = "one two three four five six";
    let first = next_part(
        text,
        0,
        Limits {
            text_max: 12,
            unit: TextUnit::Bytes,
        },
    );
    let rest = next_part(text, first.through, Limits::NONE);
    assert_eq!(format!("{} {}", first.text, rest.text), text);
}

proptest! {
    #[test]
    fn parts_fit_their_platform_and_lose_no_word(
        words in proptest::collection::vec("[a-zé🦀]{1,9}|\\n|```|\\n```rust\\n", 0..80),
        text_max in 60_usize..200,
    ) {
        let text = words.join(" ");
        for unit in [TextUnit::Chars, TextUnit::Utf16, TextUnit::Bytes] {
            let limits = Limits { text_max, unit };
            let parts = parts(&text, limits);
            let words = |text: &str| text
                .split_whitespace()
                .filter(|word| !word.starts_with("```"))
                .map(str::to_owned)
                .collect::<Vec<_>>();
            let said: Vec<_> = parts.iter().flat_map(|part| words(&part.text)).collect();
            // A repeated or closed fence adds nothing else.
            let without_rust = |words: Vec<String>| words.into_iter().filter(|word| word != "rust").collect::<String>();
            prop_assert_eq!(without_rust(said), without_rust(words(&text)));
            for part in &parts {
                prop_assert!(limits.length(&part.text) <= text_max, "{:?}", part);
            }
        }
    }
}
