//! What the agent says: formatting, doubt, the 24 hours, files, refusals.

use std::time::Duration;

use bytes::Bytes;
use doubles::platform::Fault;
use doubles::whatsapp::{Inbound as Said, MediaKind, Sent, WindowCheck};
use http::StatusCode;
use proto::ids::ChatId;
use proto::inbound::FileKind;
use proto::outbound::{AfterSend, Attachment, Extra, OutboxState, Reconciled, SendOutcome};

use super::super::chat_of;
use super::story::Story;
use super::subject::ANNA;
use crate::channel::{Channel as _, FetchError};
use crate::config::Template;
use crate::files::Files;

#[tokio::test]
async fn an_answer_is_formatted_and_its_states_settle_what_was_in_doubt() {
    let story = Story::begin(None).await;
    story.platform.say(ANNA, Said::Text("hi".into()));
    story.told().await;
    let delivery = story.attempt("**hello**", None).await;
    story.platform.hold_notifications();
    story.faults.next("/messages", Fault::LostAnswer);
    assert!(matches!(story.send(&delivery).await, SendOutcome::Uncertain { .. }));
    let part = story.part(&delivery);
    assert!(matches!(
        story.channel.reconcile(&delivery, &part).await,
        Reconciled::AskLater(_)
    ));
    story.platform.release_notifications();
    story.told().await;
    let Reconciled::Arrived { platform_id } = story.channel.reconcile(&delivery, &part).await else {
        panic!("its states were told");
    };
    assert_eq!(platform_id, Some(story.platform.messages(ANNA)[0].id.clone()));
    assert_eq!(story.seen_by_anna(), [Sent::Text("*hello*".into())]);
}

#[tokio::test]
async fn a_message_that_fails_after_it_was_accepted_is_given_up_visibly() {
    let story = Story::begin(None).await;
    story.platform.remove_person(ANNA);
    let delivery = story.attempt("hello", None).await;
    let outcome = story.send(&delivery).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    assert!(
        story.platform.untold() > 0,
        "it cannot be settled before its answer is recorded"
    );
    story.finish(&delivery, AfterSend::Sent { platform_id: None }).await;
    story.until_row_is(OutboxState::Dead).await;
    story.told().await;
}

#[tokio::test]
async fn after_24_hours_a_template_carries_the_text_and_without_one_it_is_refused() {
    let template = Template {
        name: "news".into(),
        language: "en".into(),
    };
    for (template, check) in [
        (Some(template.clone()), WindowCheck::Late),
        (Some(template), WindowCheck::AtOnce),
        (None, WindowCheck::Late),
    ] {
        let has_template = template.is_some();
        let story = Story::begin(template).await;
        story.platform.approve_template("news", "en", "News: {{1}}");
        story.platform.check_window(check);
        if check == WindowCheck::Late {
            // Ours is the clock that knows.
            story.world.clock.advance(Duration::from_secs(25 * 3_600));
        }
        let long = "two words\n".repeat(100);
        let mut delivery = story.attempt(&long, None).await;
        if !has_template {
            let SendOutcome::Rejected { reason } = story.send(&delivery).await else {
                panic!("nothing can carry it");
            };
            assert!(reason.contains("channels.whatsapp.template"), "{reason}");
            continue;
        }
        let first = story.send(&delivery).await;
        assert!(matches!(first, SendOutcome::NotSent { .. }), "cut anew: {first:?}");
        let part = story.part(&delivery);
        assert!(!part.is_last);
        assert!(matches!(story.send(&delivery).await, SendOutcome::Sent { .. }));
        delivery.sent_through = part.through;
        assert!(matches!(story.send(&delivery).await, SendOutcome::Sent { .. }));
        let words: usize = story
            .seen_by_anna()
            .iter()
            .map(|sent| sent.text().split(' ').count())
            .sum();
        assert_eq!(words, 200);
    }
}

#[tokio::test]
async fn files_go_both_ways() {
    let story = Story::begin(None).await;
    story.platform.say(
        ANNA,
        Said::Media {
            kind: MediaKind::Voice,
            media_type: "audio/ogg; codecs=opus".into(),
            caption: None,
            file_name: None,
            content: Bytes::from_static(b"OggS"),
        },
    );
    let envelope = story.inbox().await.remove(0).envelope;
    let file = &envelope.details.files[0];
    assert_eq!((file.kind, file.file.name.as_str()), (FileKind::Voice, "voice.ogg"));
    assert_eq!(envelope.text, file.line());
    assert_eq!(Files::new(story.world.blobs()).read(&file.file).await.unwrap(), "OggS");
    let too_large = story
        .channel
        .fetch_file(&story.platform.keep_media("image/png", "12345"), 4)
        .await;
    assert_eq!(too_large, Err(FetchError::TooLarge { bytes_max: 4 }));

    let blob = blobs::BlobName::parse("attachments/1/a").unwrap();
    Files::new(story.world.blobs())
        .keep(&blob, Bytes::from_static(b"%PDF"))
        .await
        .unwrap();
    let attachment = Attachment {
        name: "may.pdf".into(),
        media_type: "application/pdf".into(),
        bytes: 4,
        blob: blob.to_string(),
    };
    let delivery = story.attempt("*as asked*", Some(Extra::File(attachment))).await;
    assert!(matches!(story.send(&delivery).await, SendOutcome::Sent { .. }));
    assert_eq!(
        story.seen_by_anna(),
        [Sent::Media {
            kind: "document".into(),
            caption: Some("_as asked_".into()),
            file_name: Some("may.pdf".into()),
            content: Bytes::from_static(b"%PDF"),
        }]
    );
}

#[tokio::test]
async fn a_reaction_is_made_and_typing_marks_the_newest_message_as_read() {
    let story = Story::begin(None).await;
    let id = story.platform.say(ANNA, Said::Text("hi".into()));
    story.told().await;
    let chat = chat_of(ANNA);
    for _ in 0..3 {
        story.channel.typing(&chat, true).await;
    }
    assert!(story.platform.is_read(&id));
    assert_eq!(
        story.platform.typing_shown(),
        [ANNA],
        "shown for 25 seconds, so said once"
    );
    let reaction = Extra::Reaction {
        message: id.clone(),
        emoji: "👍".into(),
    };
    let delivery = story.attempt("", Some(reaction)).await;
    assert!(matches!(story.send(&delivery).await, SendOutcome::Sent { .. }));
    let emoji = "👍".to_owned();
    assert_eq!(story.seen_by_anna(), [Sent::Reaction { message_id: id, emoji }]);
}

#[tokio::test]
async fn a_revoked_token_and_a_busy_platform_hold_back_and_a_group_chat_is_refused() {
    let story = Story::begin(None).await;
    story.platform.say(ANNA, Said::Text("hi".into()));
    story.told().await;
    let mut delivery = story.attempt("hello", None).await;
    story.platform.revoke_token();
    assert!(matches!(story.send(&delivery).await, SendOutcome::AccountDown { .. }));
    story.platform.restore_token();
    story.faults.next("/messages", Fault::Busy(Duration::from_secs(1)));
    let busy = story.send(&delivery).await;
    assert!(
        matches!(
            busy,
            SendOutcome::NotSent {
                retry_after: Some(_),
                ..
            }
        ),
        "{busy:?}"
    );
    story.faults.next("/messages", Fault::Broken(StatusCode::BAD_GATEWAY));
    assert!(matches!(story.send(&delivery).await, SendOutcome::Uncertain { .. }));
    delivery.chat = ChatId::new("123@g.us");
    assert!(matches!(story.send(&delivery).await, SendOutcome::Rejected { .. }));
}
