//! The way out: in the thread, once, with the right reading of what Gmail answers.

use std::time::Duration;

use blobs::BlobName;
use bytes::Bytes;
use doubles::gmail::Mail;
use doubles::platform::Fault;
use http::StatusCode;
use proto::outbound::{Attachment, Extra, Reconciled, SendOutcome};

use super::subject::Subject;
use crate::channel::{Channel as _, FetchError};

fn id(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::Sent { platform_id } => platform_id.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn gm_07_an_answer_is_a_mail_in_its_thread_even_after_a_restart() {
    let mut subject = Subject::threads().await;
    let asked = subject
        .platform
        .deliver(&Mail::new("Änn <ann@example.org>", "Mittag", "Wann?"));
    subject.restart();
    let (delivery, part) = subject.delivery(&asked.thread, "Um **zwölf**.", None);
    let sent = id(subject.channel.send(&delivery, &part).await);
    let sent = subject.platform.mail(&sent).unwrap();
    assert_eq!(sent.thread, asked.thread);
    assert_eq!(sent.text().trim_end(), "Um **zwölf**.");
    assert_eq!(sent.header("subject"), Some("Re: Mittag"));
    assert_eq!(
        sent.header("in-reply-to"),
        Some(format!("<{}>", asked.message_id).as_str())
    );
    assert_eq!(
        sent.header("references"),
        Some(format!("<{}>", asked.message_id).as_str())
    );
    assert_eq!(sent.header("auto-submitted"), Some("auto-replied"));
    assert_eq!(
        sent.header("message-id"),
        Some(format!("<{}.0@example.org>", delivery.id).as_str())
    );
    assert!(sent.header("to").unwrap().contains("<ann@example.org>"));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_by_its_message_id_although_the_search_lags() {
    let subject = Subject::threads().await;
    subject.platform.set_search_lag(Duration::from_secs(3_600));
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    for fault in [
        Fault::LostAnswer,
        Fault::ResetInBody,
        Fault::BrokenAfter(StatusCode::BAD_GATEWAY),
    ] {
        let (delivery, part) = subject.delivery(&asked.thread, &format!("{fault:?}"), None);
        subject.faults.next("/messages/send", fault);
        let outcome = subject.channel.send(&delivery, &part).await;
        assert!(matches!(outcome, SendOutcome::Uncertain { .. }), "{outcome:?}");
        let known = subject.reconciled(&delivery, &part).await;
        assert!(
            matches!(known, Reconciled::Arrived { platform_id: Some(_) }),
            "{known:?}"
        );
    }
    assert_eq!(subject.platform.sent().len(), 3);
}

#[tokio::test]
async fn a_mail_that_did_not_arrive_is_believed_lost_only_after_the_lag_of_the_search() {
    let subject = Subject::threads().await;
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    for fault in [Fault::ResetBefore, Fault::Broken(StatusCode::BAD_GATEWAY)] {
        let (delivery, part) = subject.delivery(&asked.thread, "text", None);
        subject.faults.next("/messages/send", fault);
        let outcome = subject.channel.send(&delivery, &part).await;
        assert!(matches!(outcome, SendOutcome::Uncertain { .. }), "{outcome:?}");
        let first = subject.channel.reconcile(&delivery, &part).await;
        assert!(matches!(first, Reconciled::AskLater(_)), "{first:?}");
        assert_eq!(subject.reconciled(&delivery, &part).await, Reconciled::NotArrived);
        id(subject.channel.send(&delivery, &part).await);
    }
    assert_eq!(subject.platform.sent().len(), 2);
}

#[tokio::test]
async fn a_mailbox_that_cannot_be_asked_leaves_the_question_open() {
    let subject = Subject::threads().await;
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    let (delivery, part) = subject.delivery(&asked.thread, "text", None);
    id(subject.channel.send(&delivery, &part).await);
    subject
        .faults
        .next("/users/me/messages", Fault::Broken(StatusCode::SERVICE_UNAVAILABLE));
    let first = subject.channel.reconcile(&delivery, &part).await;
    assert!(matches!(first, Reconciled::AskLater(_)), "{first:?}");
    assert!(matches!(
        subject.reconciled(&delivery, &part).await,
        Reconciled::Arrived { .. }
    ));
}

#[tokio::test]
async fn rate_limits_hold_one_answer_back_and_the_limit_of_the_day_the_account() {
    let subject = Subject::threads().await;
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    let (delivery, part) = subject.delivery(&asked.thread, "text", None);
    // Once as 429, once as 403.
    for _ in 0..2 {
        let wait = Duration::from_secs(90);
        subject.faults.next("/messages/send", Fault::Busy(wait));
        let outcome = subject.channel.send(&delivery, &part).await;
        let SendOutcome::NotSent { retry_after, .. } = &outcome else {
            panic!("{outcome:?}");
        };
        // The clocks go together but for what a call takes.
        let said = retry_after.unwrap();
        assert!(said >= wait && said < wait + Duration::from_secs(20), "{said:?}");
    }
    subject.platform.set_may_send(false);
    let outcome = subject.channel.send(&delivery, &part).await;
    assert!(
        matches!(
            outcome,
            SendOutcome::AccountDown {
                retry_after: Some(_),
                ..
            }
        ),
        "{outcome:?}"
    );
    assert!(subject.platform.sent().is_empty());
}

#[tokio::test]
async fn an_ended_token_is_renewed_once_and_a_revoked_consent_says_what_to_do() {
    let subject = Subject::threads().await;
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    let (delivery, part) = subject.delivery(&asked.thread, "one", None);
    id(subject.channel.send(&delivery, &part).await);
    subject.platform.expire_access_tokens();
    let (delivery, part) = subject.delivery(&asked.thread, "two", None);
    id(subject.channel.send(&delivery, &part).await);
    subject.platform.revoke_token();
    let (delivery, part) = subject.delivery(&asked.thread, "three", None);
    let SendOutcome::AccountDown { reason, .. } = subject.channel.send(&delivery, &part).await else {
        panic!("the account is down");
    };
    assert!(
        reason.contains("clawhold auth gmail") && reason.contains("revoked"),
        "{reason}"
    );
    // A consent that is given again holds without a restart.
    std::fs::write(&subject.settings.credentials_file, subject.platform.credentials_json()).unwrap();
    id(subject.channel.send(&delivery, &part).await);
}

#[tokio::test]
async fn what_can_never_leave_is_rejected() {
    let subject = Subject::threads().await;
    let reaction = Extra::Reaction {
        message: "1".to_owned(),
        emoji: "👍".to_owned(),
    };
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    for (thread, extra) in [
        ("0000", None),
        ("../profile", None),
        (asked.thread.as_str(), Some(reaction)),
    ] {
        let (delivery, part) = subject.delivery(thread, "text", extra);
        let outcome = subject.channel.send(&delivery, &part).await;
        assert!(matches!(outcome, SendOutcome::Rejected { .. }), "{thread}: {outcome:?}");
    }
    subject.platform.set_mail_service(false);
    let (delivery, part) = subject.delivery(&asked.thread, "text", None);
    let outcome = subject.channel.send(&delivery, &part).await;
    assert!(matches!(outcome, SendOutcome::AccountDown { .. }), "{outcome:?}");
}

/// A file that lies in the blob store.
async fn file(subject: &Subject, name: &str, content: Bytes) -> Attachment {
    let blob = BlobName::parse("files/out").unwrap();
    subject.world.blobs().put(&blob, content.clone()).await.unwrap();
    Attachment {
        name: name.to_owned(),
        media_type: "application/octet-stream".to_owned(),
        bytes: content.len() as u64,
        blob: blob.to_string(),
    }
}

#[tokio::test]
async fn a_file_that_is_larger_than_google_takes_as_json_is_sent_and_found_again() {
    let subject = Subject::threads().await;
    let asked = subject.platform.deliver(&Mail::new("ann@example.org", "s", "?"));
    // Not all alike, and longer than a mail of JSON may be.
    let content: Bytes = (0..7 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let extra = Extra::File(file(&subject, "film.mp4", content.clone()).await);
    let (delivery, part) = subject.delivery(&asked.thread, "see", Some(extra));
    subject.faults.next("/messages/send", Fault::LostAnswer);
    let outcome = subject.channel.send(&delivery, &part).await;
    assert!(matches!(outcome, SendOutcome::Uncertain { .. }), "{outcome:?}");
    let known = subject.reconciled(&delivery, &part).await;
    assert!(matches!(known, Reconciled::Arrived { .. }), "{known:?}");
    let sent = subject.platform.sent();
    assert_eq!((sent.len(), sent[0].thread.as_str()), (1, asked.thread.as_str()));
    assert!(sent[0].files() == [("film.mp4".to_owned(), content.to_vec())]);
}

#[tokio::test]
async fn files_go_out_and_come_in() {
    let subject = Subject::threads().await;
    let asked =
        subject
            .platform
            .deliver(&Mail::new("ann@example.org", "s", "?").file("in.txt", "text/plain", b"hello"));
    let content = Bytes::from_static(b"\x00binary");
    let file = file(&subject, "ö.bin", content.clone()).await;
    let (delivery, part) = subject.delivery(&asked.thread, "see", Some(Extra::File(file)));
    let sent = id(subject.channel.send(&delivery, &part).await);
    let sent = subject.platform.mail(&sent).unwrap();
    assert_eq!(sent.files(), [("ö.bin".to_owned(), content.to_vec())]);
    let reference = format!("{}/0", asked.id);
    assert_eq!(
        subject.channel.fetch_file(&reference, 100).await.unwrap().as_ref(),
        b"hello"
    );
    let too_large = subject.channel.fetch_file(&reference, 4).await;
    assert_eq!(too_large, Err(FetchError::TooLarge { bytes_max: 4 }));
    assert!(matches!(
        subject.channel.fetch_file("x/../0", 4).await,
        Err(FetchError::Gone(_))
    ));
}
