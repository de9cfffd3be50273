//! Files of messages on their way in.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent, InboxMessage, IncomingFile};
use proto::outbound::{Delivery, Part, Resend, SendOutcome};
use tokio::sync::Semaphore;

use super::*;
use crate::channel::FetchError;
use crate::files::Files;
use crate::world::{SOON, START, World};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n...";

/// A platform with files, given out one permit at a time.
struct Platform {
    permits: Semaphore,
    fetches: AtomicUsize,
}

impl Platform {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(permits),
            fetches: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Channel for Platform {
    fn name(&self) -> &str {
        "test"
    }

    fn account(&self) -> &str {
        "bot"
    }

    fn resend(&self) -> Resend {
        Resend::Never
    }

    async fn send(&self, _: &Delivery, _: &Part) -> SendOutcome {
        SendOutcome::Sent { platform_id: None }
    }

    async fn fetch_file(&self, reference: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        match reference {
            "png" => Ok(Bytes::from_static(PNG)),
            "text" => Ok(Bytes::from_static(b"hello")),
            "large" => Err(FetchError::TooLarge { bytes_max }),
            _ => Err(FetchError::Gone("the platform has it no more".into())),
        }
    }
}

fn file(name: &str, kind: FileKind, reference: &str) -> IncomingFile {
    IncomingFile {
        name: name.into(),
        media_type: "image/svg+xml".into(),
        bytes: None,
        kind,
        reference: reference.into(),
    }
}

fn event(seen: &ChatSeen, files: Vec<IncomingFile>) -> InboundEvent {
    InboundEvent {
        dedup_key: "test:bot:1".into(),
        chat: seen.id.clone(),
        sender: "u".into(),
        sender_name: "U".into(),
        text: "look".into(),
        sent_at: START,
        is_from_me: false,
        is_bot: false,
        addressed: Addressed::Direct,
        kind: EventKind::Message,
        quote: None,
        files,
        trace: None,
    }
}

struct Subject {
    world: World,
    intake: Arc<Intake>,
    platform: Arc<Platform>,
    seen: ChatSeen,
}

impl Subject {
    async fn new(permits: usize) -> Self {
        let world = World::new();
        let group = world.group("g", true).await;
        world.chat("test:1", &group).await;
        Self {
            intake: Arc::new(world.intake()),
            platform: Platform::new(permits),
            seen: world.seen("test:1"),
            world,
        }
    }

    async fn take(&self, files: &[IncomingFile]) -> Result<Taken, Refused> {
        let channel: Arc<dyn Channel> = self.platform.clone();
        let event = event(&self.seen, files.to_vec());
        self.intake.take_with_files(&self.seen, event, None, &channel).await
    }

    async fn inbox(&self) -> InboxMessage {
        self.world.begin_turn().await.1.messages.remove(0)
    }
}

#[tokio::test]
async fn a_file_is_kept_before_the_platform_is_told_and_the_text_names_it() {
    let subject = Subject::new(9).await;
    let files = [
        file("../cat.png", FileKind::Image, "png"),
        file("a.txt", FileKind::Document, "text"),
    ];
    assert_eq!(subject.take(&files).await.unwrap(), Taken::Accepted);
    let envelope = subject.inbox().await.envelope;
    let [picture, text] = &envelope.details.files[..] else {
        panic!("{:?}", envelope.details);
    };
    assert_eq!(envelope.text, format!("look\n{}\n{}", picture.line(), text.line()));
    assert!(picture.path().ends_with("-cat.png"), "{}", picture.path());
    assert_eq!(picture.file.media_type, "image/png", "its bytes say so");
    assert!(
        picture.file.blob.starts_with("attachments/20270115/"),
        "{}",
        picture.file.blob
    );
    let kept = Files::new(subject.world.blobs());
    assert_eq!(kept.read(&picture.file).await.unwrap(), PNG);
    assert_eq!(kept.read(&text.file).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_file_that_cannot_be_had_does_not_cost_the_message() {
    let subject = Subject::new(9).await;
    let declared = IncomingFile {
        bytes: Some(FILE_BYTES_MAX + 1),
        ..file("film.mp4", FileKind::Video, "png")
    };
    let files = [
        declared,
        file("b", FileKind::Document, "large"),
        file("c", FileKind::Voice, "gone"),
    ];
    assert_eq!(subject.take(&files).await.unwrap(), Taken::Accepted);
    let envelope = subject.inbox().await.envelope;
    let lines: Vec<_> = envelope.text.lines().skip(1).collect();
    assert_eq!(
        lines[0],
        format!("[Video: film.mp4 (not fetched: it is larger than {FILE_BYTES_MAX} bytes)]")
    );
    assert_eq!(
        lines[1],
        format!("[File: b (not fetched: it is larger than {FILE_BYTES_MAX} bytes)]")
    );
    assert_eq!(
        lines[2],
        "[Voice message: c (not fetched: the platform has it no more)]"
    );
    assert!(envelope.details.files.is_empty());
}

#[tokio::test]
async fn what_is_said_to_be_a_picture_and_is_none_is_a_file() {
    let subject = Subject::new(9).await;
    subject.take(&[file("x.svg", FileKind::Image, "text")]).await.unwrap();
    assert_eq!(subject.inbox().await.envelope.details.files[0].kind, FileKind::Document);
}

#[tokio::test]
async fn files_of_chats_nobody_registered_are_not_fetched() {
    let subject = Subject::new(9).await;
    let seen = subject.world.seen("test:9");
    let channel: Arc<dyn Channel> = subject.platform.clone();
    let event = event(&seen, vec![file("a", FileKind::Image, "png")]);
    let taken = subject.intake.take_with_files(&seen, event, None, &channel).await;
    assert_eq!(taken.unwrap(), Taken::Unregistered);
    assert_eq!(subject.platform.fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_slow_file_is_fetched_once_however_often_the_platform_says_the_message_again() {
    let subject = Subject::new(0).await;
    let files = [file("cat.png", FileKind::Image, "png")];
    for _ in 0..2 {
        let refused = subject.take(&files).await;
        assert!(matches!(refused, Err(Refused::Unavailable(_))), "{refused:?}");
    }
    subject.platform.permits.add_permits(1);
    let taken = tokio::time::timeout(SOON, subject.take(&files)).await.unwrap();
    assert_eq!(taken.unwrap(), Taken::Duplicate, "the first one went on");
    assert_eq!(subject.platform.fetches.load(Ordering::SeqCst), 1);
    assert_eq!(subject.inbox().await.envelope.details.files.len(), 1);
}

#[tokio::test]
async fn a_blob_store_that_is_away_holds_the_message_back() {
    let subject = Subject::new(9).await;
    std::fs::write(subject.world.dir.path().join("blobs"), "no directory").unwrap();
    let refused = subject.take(&[file("cat.png", FileKind::Image, "png")]).await;
    assert!(matches!(refused, Err(Refused::Unavailable(_))), "{refused:?}");
    std::fs::remove_file(subject.world.dir.path().join("blobs")).unwrap();
    assert_eq!(
        subject.take(&[file("cat.png", FileKind::Image, "png")]).await.unwrap(),
        Taken::Accepted
    );
}

#[tokio::test]
async fn a_voice_note_comes_with_its_words_where_there_is_a_hook_for_them() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/words", listener.local_addr().unwrap());
    let hook = axum::routing::post(|body: Bytes| async move {
        let text = String::from_utf8_lossy(&body).into_owned();
        axum::Json(serde_json::json!({ "text": format!("heard {text}") }))
    });
    let serving = async { axum::serve(listener, axum::Router::new().route("/words", hook)).await };
    let subject = Subject::new(9).await;
    let attachments = Attachments::new(Files::new(subject.world.blobs()), subject.world.clock.clone());
    let attachments = attachments.transcribing(Some(Transcriber::new(&url).unwrap()));
    let files = [
        file("v.ogg", FileKind::Voice, "text"),
        file("a.txt", FileKind::Document, "text"),
    ];
    let taken = subject.take(&[]).await;
    assert_eq!(taken.unwrap(), Taken::Accepted);
    let envelope = subject.inbox().await.envelope;
    let brought = tokio::select! {
        brought = attachments.bring(envelope, &files, &*subject.platform) => brought.unwrap(),
        ended = serving => panic!("{ended:?}"),
    };
    let lines: Vec<_> = brought.text.lines().collect();
    assert_eq!((lines.len(), lines[2]), (4, "[Transcript: heard hello]"));
}
