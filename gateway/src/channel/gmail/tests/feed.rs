//! The way in: everything once, labelled only when the log has it, whatever happens in between.

use std::time::Duration;

use bytes::Bytes;
use doubles::gmail::Mail;
use doubles::platform::{Fault, push};
use http::{HeaderMap, Method, StatusCode};
use store::outage::Manners;

use super::super::push::PATH;
use super::subject::{ANDY, PUSH_TOKEN, Subject};
use crate::channel::{Channel as _, Inbound, ReceiveError};
use crate::health::{Health, Receiving};

fn mail(text: &str) -> Mail {
    Mail::new("Ann <ann@example.org>", "Lunch", text)
}

#[tokio::test]
async fn gm_05_a_mail_goes_to_mains_chat_and_its_thread_is_known() {
    let subject = Subject::main().await;
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    subject.receive_labelled(&[&asked.id]).await;
    let inbox = subject.inbox().await;
    assert_eq!(
        inbox[0].text,
        "[Email from Ann <ann@example.org>]\nSubject: Lunch\n\nWhen?"
    );
    assert_eq!(
        (inbox[0].chat.as_str(), inbox[0].sender.as_str()),
        ("test:main", "ann@example.org")
    );
    assert_eq!(inbox[0].dedup_key, format!("gmail:me:{}", asked.id));
    let thread = format!("gmail:{}", asked.thread);
    assert_eq!(subject.chat_name(&thread).await.as_deref(), Some("Lunch"));
}

#[tokio::test]
async fn gm_06_what_was_taken_is_labelled_and_read() {
    let subject = Subject::main().await;
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    subject.receive_labelled(&[&asked.id]).await;
    let labels = subject.platform.mail(&asked.id).unwrap().labels;
    assert!(
        !labels.contains(&"UNREAD".to_owned()) && labels.contains(&"INBOX".to_owned()),
        "{labels:?}"
    );
}

#[tokio::test]
async fn gm_d1_a_mail_that_is_older_than_what_came_since_wakes_the_agent_all_the_same() {
    let subject = Subject::main().await;
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    subject.advance(Duration::from_secs(30));
    subject.world.hear(&subject.world.seen("test:main"), "newer").await;
    subject.receive_labelled(&[&asked.id]).await;
    assert_eq!(subject.inbox().await.len(), 2);
}

#[tokio::test]
async fn gm_d2_without_a_chat_of_main_a_mail_stays_in_the_mailbox_as_it_was() {
    let subject = Subject::main().await;
    let chat = proto::ids::ChatId::new("test:main");
    subject.world.store.register_chat(&chat, None).await.unwrap();
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    let was_read = async |_: &Health| {
        subject
            .running
            .calls()
            .iter()
            .any(|call| call.path.ends_with(&asked.id))
    };
    assert_eq!(subject.receive_until(was_read).await, None);
    assert!(!subject.is_labelled(&asked.id));
}

#[tokio::test]
async fn a_thread_is_a_chat_that_joins_the_group() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    let again = mail("And where?").header("In-Reply-To", &format!("<{}>", asked.message_id));
    let again = subject.platform.deliver(&again);
    assert_eq!(again.thread, asked.thread);
    subject.receive_labelled(&[&asked.id, &again.id]).await;
    let inbox = subject.inbox().await;
    let texts: Vec<_> = inbox.iter().map(|envelope| envelope.text.as_str()).collect();
    assert_eq!(texts, ["Subject: Lunch\n\nWhen?", "Subject: Lunch\n\nAnd where?"]);
    let chat = format!("gmail:{}", asked.thread);
    assert!(
        inbox
            .iter()
            .all(|envelope| envelope.chat.as_str() == chat && envelope.engages)
    );
}

#[tokio::test]
async fn a_stranger_whose_thread_has_no_group_is_not_mailed_a_code() {
    let mut subject = Subject::threads().await;
    subject.settings.group = None;
    subject.restart();
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    let was_read = async |_: &Health| subject.chat_name(&format!("gmail:{}", asked.thread)).await.is_some();
    assert_eq!(subject.receive_until(was_read).await, None);
    let chat = proto::ids::ChatId::new(format!("gmail:{}", asked.thread));
    assert!(subject.world.states(&chat).await.is_empty());
    assert!(!subject.is_labelled(&asked.id));
}

#[tokio::test]
async fn machines_lists_own_mail_and_other_categories_are_left_alone() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let left = [
        subject
            .platform
            .deliver(&mail("away").header("Auto-Submitted", "auto-replied")),
        subject
            .platform
            .deliver(&mail("news").header("List-Id", "<news.example.org>")),
        subject.platform.deliver(&Mail::new(ANDY, "s", "from another program")),
        subject
            .platform
            .deliver_as(&mail("buy"), &["INBOX", "UNREAD", "CATEGORY_PROMOTIONS"]),
        subject.platform.deliver_as(&mail("spam"), &["SPAM", "UNREAD"]),
    ];
    let asked = subject.platform.deliver(&mail("When?"));
    subject.receive_labelled(&[&asked.id]).await;
    assert!(left.iter().all(|mail| !subject.is_labelled(&mail.id)));
    assert_eq!(subject.inbox().await.len(), 1);
}

#[tokio::test]
async fn the_first_time_begins_with_now_and_a_restart_goes_on() {
    let mut subject = Subject::threads().await;
    let old = subject.platform.deliver(&mail("years ago"));
    subject.begin().await;
    subject.restart();
    let missed: Vec<_> = (0..120)
        .map(|n| subject.platform.deliver(&mail(&format!("missed {n}"))))
        .collect();
    let ids: Vec<_> = missed.iter().map(|mail| mail.id.as_str()).collect();
    subject.receive_labelled(&ids).await;
    assert!(!subject.is_labelled(&old.id));
}

#[tokio::test]
async fn what_comes_while_the_very_first_feed_is_refused_is_taken_later() {
    let subject = Subject::threads().await;
    subject.platform.revoke_token();
    let ended = subject.receive_until(async |_: &Health| false).await;
    assert!(matches!(ended, Some(Err(ReceiveError::Refused(_)))), "{ended:?}");
    subject.advance(Duration::from_secs(60));
    let asked = subject.platform.deliver(&mail("When?"));
    subject.platform.restore_token();
    subject.receive_labelled(&[&asked.id]).await;
}

#[tokio::test]
async fn history_that_gmail_forgot_is_searched_for_and_nothing_is_taken_twice() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let before = subject.platform.deliver(&mail("before"));
    subject.receive_labelled(&[&before.id]).await;
    let missed = [
        subject.platform.deliver(&mail("one")),
        subject.platform.deliver(&mail("two")),
    ];
    subject.advance(Duration::from_secs(14 * 24 * 3_600));
    subject.platform.forget_history();
    subject.receive_labelled(&[&missed[0].id, &missed[1].id]).await;
    let texts: Vec<_> = subject
        .inbox()
        .await
        .into_iter()
        .map(|envelope| envelope.text)
        .collect();
    assert_eq!(
        texts,
        ["before", "one", "two"].map(|text| format!("Subject: Lunch\n\n{text}"))
    );
}

#[tokio::test]
async fn a_mail_whose_label_failed_is_no_second_message() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    subject.faults.next("/modify", Fault::ResetBefore);
    let was_tried = async |_: &Health| {
        subject
            .running
            .calls()
            .iter()
            .any(|call| call.path.ends_with("/modify"))
    };
    assert_eq!(subject.receive_until(was_tried).await, None);
    let second = subject.platform.deliver(&mail("Where?"));
    subject.receive_labelled(&[&second.id]).await;
    assert_eq!(subject.inbox().await.len(), 2, "{}", asked.id);
}

#[tokio::test]
async fn a_mail_that_cannot_be_fetched_is_told_by_its_headers_and_holds_nothing_up() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let broken = mail("When?").file("a.pdf", "application/pdf", b"PDF");
    let broken = subject.platform.deliver(&broken);
    let next = subject.platform.deliver(&mail("Where?"));
    for _ in 0..3 {
        subject.faults.next(&broken.id, Fault::ResetInBody);
    }
    for _ in 0..2 {
        let ended = subject.receive_until(async |_: &Health| false).await;
        assert!(matches!(ended, Some(Err(ReceiveError::Failed(_)))), "{ended:?}");
    }
    subject.receive_labelled(&[&broken.id, &next.id]).await;
    let inbox = subject.inbox().await;
    let texts: Vec<_> = inbox.iter().map(|envelope| envelope.text.as_str()).collect();
    let told = "[Text and files of the mail (not fetched: Gmail did not give them in 3 tries)]";
    assert_eq!(
        texts,
        [&format!("Subject: Lunch\n\n{told}"), "Subject: Lunch\n\nWhere?"]
    );
    assert_eq!(inbox[0].chat.as_str(), format!("gmail:{}", broken.thread));
    let is_unread = |id: &str| {
        let labels = subject.platform.mail(id).unwrap().labels;
        labels.contains(&"UNREAD".to_owned())
    };
    assert!(is_unread(&broken.id) && !is_unread(&next.id));
}

#[tokio::test]
async fn a_mail_whose_headers_cannot_be_had_either_is_not_given_up() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let asked = subject.platform.deliver(&mail("When?"));
    // Three tries, and the headers at the third.
    for _ in 0..4 {
        subject.faults.next(&asked.id, Fault::Broken(StatusCode::BAD_GATEWAY));
    }
    for _ in 0..3 {
        let ended = subject.receive_until(async |_: &Health| false).await;
        assert!(matches!(ended, Some(Err(ReceiveError::Failed(_)))), "{ended:?}");
    }
    subject.receive_labelled(&[&asked.id]).await;
    assert_eq!(subject.inbox().await[0].text, "Subject: Lunch\n\nWhen?");
}

#[tokio::test]
async fn a_mail_is_labelled_only_once_the_log_has_it() {
    let subject = Subject::threads().await;
    subject.begin().await;
    let asked = std::cell::OnceCell::new();
    let held_back = std::cell::Cell::new(false);
    let labelled = async |health: &Health| {
        if health.report().receiving != Receiving::Live {
            return false;
        }
        let asked = asked.get_or_init(|| {
            subject.world.outage.set(Manners::Refuses);
            subject.platform.deliver(&mail("When?"))
        });
        let was_read = subject
            .running
            .calls()
            .iter()
            .any(|call| call.path.ends_with(&asked.id));
        if was_read && !held_back.get() {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!subject.is_labelled(&asked.id));
            held_back.set(true);
            subject.world.outage.set(Manners::Answers);
            subject.world.clock.advance(Duration::from_secs(2));
        }
        subject.is_labelled(&asked.id)
    };
    assert_eq!(subject.receive_until(labelled).await, None);
    assert_eq!(subject.inbox().await.len(), 1);
}

#[tokio::test]
async fn trouble_of_gmail_passes_and_a_revoked_consent_is_told_apart() {
    let subject = Subject::threads().await;
    subject.begin().await;
    // One of them may meet the last look of the feed before, which was left in the middle of it.
    for _ in 0..2 {
        subject.faults.next("/history", Fault::Broken(StatusCode::BAD_GATEWAY));
    }
    let ended = subject.receive_until(async |_: &Health| false).await;
    assert!(matches!(ended, Some(Err(ReceiveError::Failed(_)))), "{ended:?}");
    subject.faults.clear();
    subject.platform.revoke_token();
    subject.platform.expire_access_tokens();
    let Some(Err(ReceiveError::Refused(reason))) = subject.receive_until(async |_: &Health| false).await else {
        panic!("it is refused");
    };
    assert!(reason.contains("clawhold auth gmail"), "{reason}");
    subject.platform.restore_token();
    let asked = subject.platform.deliver(&mail("When?"));
    subject.receive_labelled(&[&asked.id]).await;
}

#[tokio::test]
async fn a_push_makes_the_feed_look_at_once_and_a_stranger_cannot_push() {
    let mut subject = Subject::threads().await;
    subject.settings.poll_interval_ms = 80_000;
    subject.settings.push_topic = Some("projects/p/topics/gmail".to_owned());
    subject.restart();
    let inbound = Inbound::new(std::sync::Arc::new(subject.world.intake()), subject.channel.clone());
    let router = subject.channel.clone().routes(inbound);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}{PATH}", listener.local_addr().unwrap());
    let serving = async { axum::serve(listener, router).await.unwrap() };
    let story = async {
        let stranger = push(
            Method::POST,
            &format!("{base}?token=wrong"),
            HeaderMap::new(),
            Bytes::new(),
        )
        .await;
        assert_eq!(stranger.unwrap().status, StatusCode::FORBIDDEN);
        let delivered = std::cell::OnceCell::new();
        let told = async |_: &Health| {
            if !subject.platform.is_watched() {
                return false;
            }
            // After the first look, which ends before the feed waits.
            if subject
                .running
                .calls()
                .iter()
                .filter(|call| call.path.ends_with("/history"))
                .count()
                == 0
            {
                return false;
            }
            let asked = delivered.get_or_init(|| subject.platform.deliver(&mail("When?")));
            let _ = subject.platform.push_to(&format!("{base}?token={PUSH_TOKEN}")).await;
            subject.is_labelled(&asked.id)
        };
        assert_eq!(subject.receive_until(told).await, None);
    };
    tokio::select! {
        () = serving => {}
        () = story => {}
    }
}
