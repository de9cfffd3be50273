//! The way out: once, in the right form, with the right reading of what Discord answers.

use std::time::Duration;

use blobs::BlobName;
use doubles::discord::RateLimits;
use doubles::platform::Fault;
use proto::outbound::{Attachment, Extra, Reconciled, SendOutcome};

use super::subject::Subject;
use crate::channel::Channel as _;

/// Longer than Discord keeps a nonce.
const LONG: Duration = Duration::from_secs(600);

fn id(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::Sent { platform_id } => platform_id.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn is_uncertain(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Uncertain { .. })
}

#[tokio::test]
async fn a_part_sent_again_is_one_message() {
    let mut subject = Subject::new().await;
    let (delivery, part) = subject.delivery("hello", None);
    let first = id(subject.channel.send(&delivery, &part).await);
    subject.restart();
    assert_eq!(id(subject.channel.send(&delivery, &part).await), first);
    assert_eq!(subject.platform.messages(subject.room).len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_lost_leaves_one_message() {
    let subject = Subject::new().await;
    for fault in [Fault::LostAnswer, Fault::ResetInBody, Fault::ResetBefore] {
        let (delivery, part) = subject.delivery(&format!("{fault:?}"), None);
        subject.faults.next("/messages", fault);
        assert!(is_uncertain(&subject.channel.send(&delivery, &part).await));
        assert_eq!(
            subject.channel.reconcile(&delivery, &part).await,
            Reconciled::CannotTell
        );
        id(subject.channel.send(&delivery, &part).await);
    }
    assert_eq!(subject.platform.messages(subject.room).len(), 3);
}

#[tokio::test]
async fn once_the_nonce_is_forgotten_the_history_is_asked() {
    let subject = Subject::new().await;
    for (fault, text) in [(Fault::LostAnswer, "arrived"), (Fault::ResetBefore, "did not")] {
        let (delivery, part) = subject.delivery(text, None);
        subject.faults.next("/messages", fault);
        assert!(is_uncertain(&subject.channel.send(&delivery, &part).await));
        subject.advance(LONG);
        subject.platform.say(subject.room, subject.ada, text);
        id(subject.channel.send(&delivery, &part).await);
    }
    let texts: Vec<_> = subject
        .platform
        .messages(subject.room)
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    assert_eq!(texts, ["arrived", "did not"]);
}

#[tokio::test]
async fn an_attempt_of_a_dead_process_is_found_in_the_history() {
    let mut subject = Subject::new().await;
    let (delivery, part) = subject.delivery("  hello\n", None);
    let sent = id(subject.channel.send(&delivery, &part).await);
    subject.restart();
    assert_eq!(
        subject.channel.reconcile(&delivery, &part).await,
        Reconciled::CannotTell
    );
    subject.advance(LONG);
    let arrived = Reconciled::Arrived {
        platform_id: Some(sent),
    };
    assert_eq!(subject.channel.reconcile(&delivery, &part).await, arrived);
    let (never, part) = subject.delivery("never", None);
    subject.advance(LONG);
    assert_eq!(subject.channel.reconcile(&never, &part).await, Reconciled::NotArrived);
}

#[tokio::test]
async fn what_is_not_understood_in_a_history_does_not_hide_what_arrived() {
    let mut subject = Subject::new().await;
    let (delivery, part) = subject.delivery("hello", None);
    let sent = id(subject.channel.send(&delivery, &part).await);
    subject.advance(LONG);
    for n in 0..120 {
        let odd = subject.platform.say(subject.room, subject.ada, &format!("odd {n}"));
        subject.platform.garble(subject.room, odd);
    }
    let arrived = Reconciled::Arrived {
        platform_id: Some(sent),
    };
    subject.restart();
    assert_eq!(subject.channel.reconcile(&delivery, &part).await, arrived);
}

#[tokio::test]
async fn the_same_text_said_twice_is_said_twice() {
    let subject = Subject::new().await;
    let (first, part) = subject.delivery("ok", None);
    let (second, _) = subject.delivery("ok", None);
    id(subject.channel.send(&first, &part).await);
    subject.faults.next("/messages", Fault::ResetBefore);
    assert!(is_uncertain(&subject.channel.send(&second, &part).await));
    subject.advance(LONG);
    id(subject.channel.send(&second, &part).await);
    assert_eq!(subject.platform.messages(subject.room).len(), 2);
}

#[tokio::test]
async fn nobody_is_called_who_did_not_want_to_be() {
    let subject = Subject::new().await;
    let (delivery, part) = subject.delivery(&format!("@everyone @here <@{}> **look**", subject.ada), None);
    id(subject.channel.send(&delivery, &part).await);
    let sent = &subject.platform.messages(subject.room)[0];
    assert_eq!(
        (sent.mentions_everyone, sent.mentions.as_slice()),
        (false, &[subject.ada][..])
    );
    assert!(sent.text.ends_with("**look**"));
}

#[tokio::test]
async fn a_file_goes_out_with_its_caption_and_is_found_again() {
    let mut subject = Subject::new().await;
    let content = bytes::Bytes::from_static(b"chart");
    let name = BlobName::parse("files/chart").unwrap();
    subject.world.blobs().put(&name, content.clone()).await.unwrap();
    let file = Attachment {
        name: "chart.png".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: 5,
        blob: name.to_string(),
    };
    let (delivery, part) = subject.delivery("the chart", Some(Extra::File(file)));
    let sent = id(subject.channel.send(&delivery, &part).await);
    let shown = &subject.platform.messages(subject.room)[0];
    assert_eq!(shown.text, "the chart");
    assert_eq!(shown.files, [("chart.png".to_owned(), "image/png".to_owned(), content)]);
    subject.restart();
    subject.advance(LONG);
    let arrived = Reconciled::Arrived {
        platform_id: Some(sent),
    };
    assert_eq!(subject.channel.reconcile(&delivery, &part).await, arrived);
}

#[tokio::test]
async fn a_reaction_is_put_once_however_often_it_is_sent() {
    let subject = Subject::new().await;
    let message = subject.platform.say(subject.room, subject.ada, "good?");
    let reaction = Extra::Reaction {
        message: message.to_string(),
        emoji: "👍".to_owned(),
    };
    let (delivery, part) = subject.delivery("", Some(reaction));
    for _ in 0..2 {
        let sent = subject.channel.send(&delivery, &part).await;
        assert_eq!(sent, SendOutcome::Sent { platform_id: None });
    }
    assert_eq!(subject.platform.reactions(subject.room, message), ["👍"]);
}

#[tokio::test]
async fn a_reaction_to_an_edited_message_reaches_the_message() {
    let subject = Subject::new().await;
    let message = subject.platform.say(subject.room, subject.ada, "good?");
    let reaction = Extra::Reaction {
        message: format!("{message}:edited:1767225600000"),
        emoji: "👍".to_owned(),
    };
    let (delivery, part) = subject.delivery("", Some(reaction));
    let sent = subject.channel.send(&delivery, &part).await;
    assert_eq!(sent, SendOutcome::Sent { platform_id: None });
    assert_eq!(subject.platform.reactions(subject.room, message), ["👍"]);
}

#[tokio::test]
async fn a_used_up_bucket_is_waited_for_instead_of_being_refused() {
    let subject = Subject::new().await;
    subject.platform.set_rate_limits(RateLimits::default());
    for n in 0..5 {
        let (delivery, part) = subject.delivery(&n.to_string(), None);
        id(subject.channel.send(&delivery, &part).await);
    }
    let calls = subject.running.call_count();
    let (delivery, part) = subject.delivery("sixth", None);
    let outcome = subject.channel.send(&delivery, &part).await;
    let SendOutcome::NotSent { retry_after, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(subject.running.call_count(), calls, "nothing was asked of Discord");
    subject.advance(retry_after.unwrap());
    id(subject.channel.send(&delivery, &part).await);
}

#[tokio::test]
async fn what_concerns_the_chat_and_what_the_account_is_told_apart() {
    let subject = Subject::new().await;
    let (delivery, part) = subject.delivery("hello", None);
    subject.faults.next("/messages", Fault::Busy(Duration::from_secs(3)));
    let wait = Some(Duration::from_secs(3));
    let busy = subject.channel.send(&delivery, &part).await;
    assert!(
        matches!(busy, SendOutcome::NotSent { retry_after, .. } if retry_after == wait),
        "{busy:?}"
    );
    subject.platform.hide(subject.room, true);
    let hidden = subject.channel.send(&delivery, &part).await;
    assert!(matches!(hidden, SendOutcome::Rejected { .. }), "{hidden:?}");
    subject.platform.revoke_token();
    let revoked = subject.channel.send(&delivery, &part).await;
    assert!(matches!(revoked, SendOutcome::AccountDown { .. }), "{revoked:?}");
}

#[tokio::test]
async fn typing_is_shown() {
    let subject = Subject::new().await;
    let (delivery, _) = subject.delivery("", None);
    subject.channel.typing(&delivery.chat, true).await;
    subject.channel.typing(&delivery.chat, false).await;
    assert_eq!(subject.platform.typing_count(subject.room), 1);
}
