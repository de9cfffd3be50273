//! The way out.

use std::time::Duration;

use doubles::platform::Fault;
use http::StatusCode;
use proto::outbound::{Attachment, Extra, OutboxState};

use super::{Act, Promise, Rig, Subject};

/// What the platform asks us to wait.
const WAIT: Duration = Duration::from_secs(2);

pub(in crate::channel) async fn a_text_arrives_once_and_is_known_by_its_id<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    rig.say(&room, "hello", None).await;
    let mut gateway = rig.sender("a").await;
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert_eq!(rig.texts(&room), ["hello"]);
    assert_eq!(rig.rows(&room).await[0].state, OutboxState::Sent);
}

/// OpenClaw #11044, #10848, #82703, #27157: parallel sends arrive out of order.
pub(in crate::channel) async fn texts_arrive_in_order_even_when_one_must_wait<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let texts: Vec<String> = (0..6).map(|n| format!("number {n}")).collect();
    for text in &texts {
        rig.say(&room, text, None).await;
    }
    let mut gateway = rig.sender("a").await;
    gateway.pass(&rig).await;
    rig.subject.faults().next(rig.subject.send_path(), Fault::Busy(WAIT));
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert_eq!(rig.texts(&room), texts);
}

/// OpenClaw #67396, #47909: an answer over the platform's limit vanishes.
pub(in crate::channel) async fn a_text_of_any_length_arrives_whole<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let words: Vec<String> = (0..12_000).map(|n| format!("wörd{n}")).collect();
    rig.say(&room, &words.join(" "), None).await;
    let mut gateway = rig.sender("a").await;
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    let read = rig.texts(&room);
    let read: Vec<&str> = read.iter().flat_map(|text| text.split_whitespace()).collect();
    assert_eq!(read.len(), words.len());
    assert!(read.iter().zip(&words).all(|(read, word)| read == word));
}

/// Formatting that the platform would refuse, and text that means something to it.
pub(in crate::channel) async fn markdown_never_keeps_a_text_from_arriving<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let texts = [
        "**bold _and* broken `code",
        "a < b && c > d </b> <script> &amp; @everyone <!channel> <@U1>",
        "```rust\nfn main() {}\n```\n* one\n* two\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "[link](https://example.org/?a=1&b=\"2\") ![image](x) ~~gone~~ 1_000_000 snake_case_name",
        "```\nnever closed",
        "***",
    ];
    for text in texts {
        rig.say(&room, text, None).await;
    }
    let mut gateway = rig.sender("a").await;
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert_eq!(rig.texts(&room).len(), texts.len());
    assert!(rig.rows(&room).await.iter().all(|row| row.state == OutboxState::Sent));
}

/// OpenClaw #125546: one row retried every 30 s for 11 hours, charged after branching.
pub(in crate::channel) async fn a_busy_platform_is_asked_again_when_it_says<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    rig.say(&room, "hello", None).await;
    rig.subject.faults().next(rig.subject.send_path(), Fault::Busy(WAIT));
    let mut gateway = rig.sender("a").await;
    let begun = rig.now();
    gateway.pass(&rig).await;
    let waiting = rig.rows(&room).await.remove(0);
    assert_eq!((waiting.state, waiting.attempts), (OutboxState::Pending, 1));
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert!(rig.now().since(begun) >= WAIT, "it was asked again too early");
    assert_eq!(rig.texts(&room), ["hello"]);
    assert_eq!(rig.rows(&room).await[0].attempts, 2);
}

/// OpenClaw #22780, #64038: the SDK's own retries send duplicates. #124279: two retries, two copies. Delivery alone repeats a
/// call, and every call was charged.
pub(in crate::channel) async fn one_attempt_is_one_call<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let mut gateway = rig.sender("a").await;
    for fault in [
        Fault::Busy(WAIT),
        Fault::Broken(StatusCode::BAD_GATEWAY),
        Fault::ResetBefore,
    ] {
        rig.say(&room, "hello", None).await;
        rig.subject.faults().next(rig.subject.send_path(), fault);
        gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    }
    let calls = rig.subject.platform().calls();
    let calls = calls
        .iter()
        .filter(|call| call.path.contains(rig.subject.send_path()))
        .count();
    let attempts: u32 = rig.rows(&room).await.iter().map(|row| row.attempts).sum();
    assert_eq!(calls, attempts as usize);
}

pub(in crate::channel) async fn an_answer_of_5xx_keeps_the_promise<S: Subject>() {
    let faults = [
        Fault::Broken(StatusCode::BAD_GATEWAY),
        Fault::BrokenAfter(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::BrokenAfter(StatusCode::GATEWAY_TIMEOUT),
    ];
    keeps_the_promise::<S>(&faults).await;
}

/// OpenClaw #152371: a reset was taken for "maybe sent" and never retried; hermes-agent #3899, #5153, #64238: up to nine
/// copies after a time-out.
pub(in crate::channel) async fn a_reset_before_or_after_keeps_the_promise<S: Subject>() {
    keeps_the_promise::<S>(&[Fault::ResetBefore, Fault::LostAnswer, Fault::ResetInBody]).await;
}

async fn keeps_the_promise<S: Subject>(faults: &[Fault]) {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let mut gateway = rig.sender("a").await;
    for (n, fault) in faults.iter().enumerate() {
        let text = format!("number {n}");
        rig.say(&room, &text, None).await;
        rig.subject.faults().next(rig.subject.send_path(), *fault);
        gateway.deliver(&rig, std::slice::from_ref(&room)).await;
        let seen = rig.texts(&room).iter().filter(|seen| **seen == text).count();
        let state = rig.rows(&room).await[n].state;
        let executed = usize::from(fault.is_executed());
        let expected = match S::TRAITS.promise {
            Promise::Exact | Promise::Reconciled { .. } => (1, OutboxState::Sent),
            Promise::Told if fault.is_executed() => (1, OutboxState::Sent),
            Promise::Told | Promise::AtMostOnce => (executed, OutboxState::Uncertain),
            Promise::AtLeastOnce => (1 + executed, OutboxState::Sent),
        };
        assert_eq!((seen, state), expected, "{fault:?}");
    }
}

pub(in crate::channel) async fn a_slow_peer_does_not_hold_up_other_chats<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let [slow, quick] = [rig.subject.room(), rig.subject.more_chats(1).remove(0)];
    rig.register(&quick).await;
    let mut gateway = rig.sender("a").await;
    rig.subject
        .faults()
        .next(rig.subject.send_path(), Fault::Slow(Duration::from_secs(5)));
    rig.say(&slow, "slow", None).await;
    gateway.delivery.tick(rig.now()).await.unwrap();
    rig.until_met().await;
    rig.say(&quick, "quick", None).await;
    gateway.delivery.tick(rig.now()).await.unwrap();
    rig.until("quick is read", |_| rig.texts(&quick) == ["quick"]).await;
    assert_eq!(rig.rows(&slow).await[0].state, OutboxState::Sending);
    gateway.delivery.settle().await;
    assert_eq!(rig.rows(&slow).await[0].state, OutboxState::Sent);
}

/// OpenClaw #152371: in the connect phase nothing was written, so it is surely not sent. #95866, #33667: replies of a
/// restart are discarded.
pub(in crate::channel) async fn a_platform_that_is_away_loses_and_doubles_nothing<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    for text in ["one", "two"] {
        rig.say(&room, text, None).await;
    }
    rig.subject.platform().stop().await;
    let mut gateway = rig.sender("a").await;
    for _ in 0..3 {
        gateway.pass(&rig).await;
    }
    assert!(!rig.is_settled(&room).await);
    rig.subject.platform().start_again().await.unwrap();
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert_eq!(rig.texts(&room), ["one", "two"]);
    assert!(rig.rows(&room).await.iter().all(|row| row.state == OutboxState::Sent));
}

/// OpenClaw #91456: stuck rows. A refused account charges nothing towards giving up.
pub(in crate::channel) async fn a_revoked_account_waits_and_goes_on_in_order<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    for text in ["one", "two"] {
        rig.say(&room, text, None).await;
    }
    rig.subject.revoke(true);
    let mut gateway = rig.sender("a").await;
    for _ in 0..10 {
        gateway.pass(&rig).await;
    }
    assert!(rig.texts(&room).is_empty());
    let waiting = rig.rows(&room).await.remove(0);
    assert_eq!((waiting.state, waiting.failures), (OutboxState::Pending, 0));
    rig.subject.revoke(false);
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert_eq!(rig.texts(&room), ["one", "two"]);
}

pub(in crate::channel) async fn a_file_is_sent_with_its_caption<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let content = b"name,count\nann,3\n";
    let blob = blobs::BlobName::parse("files/report").unwrap();
    rig.world
        .blobs()
        .put(&blob, bytes::Bytes::from_static(content))
        .await
        .unwrap();
    let file = Attachment {
        name: "report.csv".to_owned(),
        media_type: "text/csv".to_owned(),
        bytes: content.len() as u64,
        blob: blob.to_string(),
    };
    rig.say(&room, "The report", Some(Extra::File(file))).await;
    let mut gateway = rig.sender("a").await;
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    let read = rig.subject.read(&room);
    assert!(
        read.iter().any(|read| read.file.as_deref() == Some(content)),
        "{read:?}"
    );
    assert!(read.iter().any(|read| read.text.contains("The report")), "{read:?}");
    assert_eq!(rig.rows(&room).await[0].state, OutboxState::Sent);
}

pub(in crate::channel) async fn a_reaction_is_made<S: Subject>() {
    if !S::TRAITS.reactions {
        return;
    }
    let rig = Rig::<S>::start().await;
    let room = rig.subject.room();
    let mut gateway = rig.live().await;
    rig.subject.act(Act::Mention("well done")).await;
    rig.until("the message", |heard| heard.count("well done") == 1).await;
    let message = rig.heard.all()[0].platform_id().to_owned();
    let emoji = "👍".to_owned();
    rig.say(&room, "", Some(Extra::Reaction { message, emoji })).await;
    gateway.deliver(&rig, std::slice::from_ref(&room)).await;
    assert_eq!(rig.rows(&room).await[0].state, OutboxState::Sent);
    assert_eq!(rig.subject.reactions().len(), 1);
}

pub(in crate::channel) async fn an_answer_in_a_thread_stays_in_the_thread<S: Subject>() {
    if !S::TRAITS.threads {
        return;
    }
    let rig = Rig::<S>::start().await;
    let thread = rig.subject.thread().expect("it has threads");
    rig.register(&thread).await;
    rig.say(&thread, "in the thread", None).await;
    let mut gateway = rig.sender("a").await;
    gateway.deliver(&rig, std::slice::from_ref(&thread)).await;
    assert_eq!(rig.texts(&thread), ["in the thread"]);
    assert!(rig.texts(&rig.subject.room()).is_empty());
}
