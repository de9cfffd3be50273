//! The adapter over its stand-in, real sockets and real rows in between.

use std::net::SocketAddr;

use bytes::Bytes;
use doubles::platform::{Fault, Faults, RunningPlatform, start};
use doubles::whatsapp::{
    ACCESS_TOKEN, APP_SECRET, Inbound as Said, MediaKind, PHONE_NUMBER_ID, Sent, SentMessage, VERIFY_TOKEN,
    WhatsAppDouble, WindowCheck,
};
use http::StatusCode;
use proto::ids::{GroupId, OutboxId};
use proto::inbound::{FileKind, InboxMessage};
use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::outbound::{AfterSend, Attachment, Extra, OutboxState, Reply, next_part};
use service::ids::RandomIds;
use store::keeper::{Keeper, Takeover};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::config::Template;
use crate::world::{SOON, World};

const ANNA: &str = "4915112345678";

struct Subject {
    world: World,
    double: Arc<WhatsAppDouble>,
    faults: Arc<Faults>,
    _graph: RunningPlatform,
    channel: Arc<WhatsAppChannel>,
    hook: String,
    group: GroupId,
    _serving: JoinSet<()>,
}

/// A business number with a webhook; Anna's chat belongs to a group.
async fn subject(template: Option<Template>) -> Subject {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = World::new();
    let (double, faults) = <(Arc<WhatsAppDouble>, Arc<Faults>)>::default();
    let graph = start(Arc::clone(&double), Arc::clone(&faults)).await.unwrap();
    let settings = WhatsApp {
        access_token: Some(Secret::new(ACCESS_TOKEN)),
        phone_number_id: Some(PHONE_NUMBER_ID.to_owned()),
        app_secret: Some(Secret::new(APP_SECRET)),
        verify_token: Some(Secret::new(VERIFY_TOKEN)),
        template,
        base_url: Some(graph.url()),
        allow_unofficial_host: true,
        ..WhatsApp::default()
    };
    let deps = ChannelDeps {
        clock: world.clock.clone(),
        ids: Arc::new(RandomIds),
        random: || 0.5,
        hints: world.hints.clone(),
        store: world.store.clone(),
        files: Files::new(world.blobs()),
        assistant_name: "Andy".to_owned(),
    };
    let channel = Arc::new(WhatsAppChannel::configured(&settings, &deps).unwrap().unwrap());
    let inbound = Inbound::new(Arc::new(world.intake()), channel.clone());
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let hook = format!("http://{}{}", listener.local_addr().unwrap(), webhook::PATH);
    let mut serving = JoinSet::new();
    let routes = channel.clone().routes(inbound);
    serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    double.subscribe(&hook).await.unwrap();
    double.add_person(ANNA, "Anna");
    let group = world.group("family", true).await;
    let seen = proto::group::ChatSeen {
        channel: CHANNEL.to_owned(),
        account: PHONE_NUMBER_ID.to_owned(),
        ..world.seen(chat_of(ANNA).as_str())
    };
    world.store.see_chat(&seen).await.unwrap();
    world.store.register_chat(&seen.id, Some(&group)).await.unwrap();
    Subject {
        world,
        double,
        faults,
        _graph: graph,
        channel,
        hook,
        group,
        _serving: serving,
    }
}

impl Subject {
    /// Waits until the webhook has taken everything.
    async fn told(&self) {
        let told = async {
            while self.double.untold() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, told).await.unwrap();
    }

    /// What people said, as the agent gets it.
    async fn inbox(&self) -> Vec<InboxMessage> {
        self.told().await;
        self.world.begin_turn().await.1.messages
    }

    /// The agent says something: an attempt at it is charged.
    async fn attempt(&self, text: &str, extra: Option<Extra>) -> Delivery {
        let mut keeper = Keeper::new(
            self.world.store.clone(),
            LeaseName::Account {
                channel: CHANNEL.to_owned(),
                account: PHONE_NUMBER_ID.to_owned(),
            },
            "gateway".to_owned(),
            LeaseTimings::FAST,
            self.world.clock.clone(),
            || 0.5,
            Takeover::AtOnce,
        );
        keeper.tick().await.unwrap();
        let hold = keeper.held().borrow().clone().unwrap().hold;
        let id = OutboxId(self.world.uuid());
        let reply = Reply {
            key: String::new(),
            chat: chat_of(ANNA),
            text: text.to_owned(),
            sender: None,
            extra,
        };
        let now = self.world.clock.now();
        self.world
            .store
            .put_notice(&id.to_string(), &reply, id, now)
            .await
            .unwrap();
        self.world.store.begin_delivery(&hold, id, now).await.unwrap().unwrap()
    }

    fn part(&self, delivery: &Delivery) -> Part {
        next_part(&delivery.text, delivery.sent_through, self.channel.limits(delivery))
    }

    async fn send(&self, delivery: &Delivery) -> SendOutcome {
        self.channel.send(delivery, &self.part(delivery)).await
    }

    async fn finish(&self, delivery: &Delivery, after: AfterSend) {
        let now = self.world.clock.now();
        let finished = self
            .world
            .store
            .finish_delivery(delivery.id, delivery.attempts, &after, now);
        finished.await.unwrap();
    }

    fn seen_by_anna(&self) -> Vec<Sent> {
        let messages = self.double.messages(ANNA).into_iter();
        messages.map(|SentMessage { content, .. }| content).collect()
    }

    async fn until_row_is(&self, state: OutboxState) {
        let reached = async {
            while self.world.states(&chat_of(ANNA)).await != [state] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, reached).await.unwrap();
    }
}

fn sent() -> AfterSend {
    AfterSend::Sent { platform_id: None }
}

#[tokio::test]
async fn every_kind_of_message_reaches_the_agent_as_words() {
    let subject = subject(None).await;
    let say = |said| subject.double.say(ANNA, said);
    let first = say(Said::Text("Grüße 🦀".into()));
    say(Said::Reply {
        to: first.clone(),
        text: "as I said".into(),
    });
    say(Said::Location {
        latitude: 52.5,
        longitude: 13.4,
        name: Some("Gate".into()),
        address: None,
    });
    say(Said::Contact {
        name: "Bob".into(),
        number: "491".into(),
    });
    say(Said::Button("Yes".into()));
    say(Said::Interactive("No".into()));
    say(Said::Unsupported);
    say(Said::Reaction {
        to: first.clone(),
        emoji: "👍".into(),
    });
    say(Said::Edit {
        of: first.clone(),
        text: "Hello".into(),
    });
    say(Said::Revoke { of: first.clone() });
    let inbox = subject.inbox().await;
    let texts: Vec<_> = inbox.iter().map(|message| message.envelope.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Grüße 🦀",
            "as I said",
            "[Location: Gate (52.5, 13.4)]",
            "[Contact: Bob +491]",
            "Yes",
            "No",
            "[a message of a kind that WhatsApp does not pass on]",
            "[reacted with 👍]",
            "[edited] Hello",
            "[deleted] Grüße 🦀",
        ]
    );
    let reply = &inbox[1].envelope;
    assert_eq!((reply.sender.as_str(), reply.sender_name.as_str()), (ANNA, "Anna"));
    assert_eq!(reply.details.quote.as_ref().unwrap().text, "Grüße 🦀");
    assert_eq!(inbox[0].envelope.platform_id(), first);
    assert_eq!(inbox[0].envelope.chat.as_str(), "4915112345678@s.whatsapp.net");
}

#[tokio::test]
async fn notifications_that_come_twice_together_or_backwards_are_taken_once_each() {
    let subject = subject(None).await;
    subject.double.hold_notifications();
    for said in ["1", "2", "3"] {
        subject.double.say(ANNA, Said::Text(said.into()));
    }
    subject.double.release_batched(2, 2);
    subject.told().await;
    subject.double.hold_notifications();
    for said in ["4", "5"] {
        subject.double.say(ANNA, Said::Text(said.into()));
    }
    subject.double.release_backwards();
    let inbox = subject.inbox().await;
    let texts: Vec<_> = inbox.iter().map(|message| message.envelope.text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3", "5", "4"]);
}

#[tokio::test]
async fn only_who_knows_the_secrets_is_listened_to() {
    let subject = subject(None).await;
    let client = reqwest::Client::new();
    let body = r#"{"entry":[]}"#;
    let post = async |signature: Option<String>| {
        let request = client.post(&subject.hook).body(body);
        let request = match signature {
            Some(signature) => request.header("x-hub-signature-256", signature),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(Some(subject.double.sign(body))).await, 200);
    assert_eq!(post(Some(subject.double.sign("other"))).await, 401);
    assert_eq!(post(Some("sha256=00".into())).await, 401);
    assert_eq!(post(None).await, 401);
    let wrong = format!(
        "{}?hub.mode=subscribe&hub.challenge=1&hub.verify_token=guess",
        subject.hook
    );
    assert_eq!(client.get(wrong).send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn meta_is_answered_only_when_the_message_is_stored() {
    let subject = subject(None).await;
    subject.world.outage.set(store::outage::Manners::Refuses);
    // A chat nobody knows yet: it cannot be looked up.
    subject.double.say("49999", Said::Text("hi".into()));
    let refused = async {
        while subject.double.notifications_refused() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, refused).await.unwrap();
    assert_eq!((subject.double.untold(), subject.double.notifications_taken()), (1, 0));
    subject.world.outage.set(store::outage::Manners::Answers);
    // Until then nobody asks the store again.
    subject.world.clock.advance(Duration::from_secs(2));
    subject.told().await;
    assert!(subject.world.store.chat(&chat_of("49999")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_answer_is_formatted_and_its_states_settle_what_was_in_doubt() {
    let subject = subject(None).await;
    subject.double.say(ANNA, Said::Text("hi".into()));
    subject.told().await;
    let delivery = subject.attempt("**hello**", None).await;
    subject.double.hold_notifications();
    subject.faults.next("/messages", Fault::LostAnswer);
    assert!(matches!(subject.send(&delivery).await, SendOutcome::Uncertain { .. }));
    let part = subject.part(&delivery);
    assert!(matches!(
        subject.channel.reconcile(&delivery, &part).await,
        Reconciled::AskLater(_)
    ));
    subject.double.release_notifications();
    subject.told().await;
    let Reconciled::Arrived { platform_id } = subject.channel.reconcile(&delivery, &part).await else {
        panic!("its states were told");
    };
    assert_eq!(platform_id, Some(subject.double.messages(ANNA)[0].id.clone()));
    assert_eq!(subject.seen_by_anna(), [Sent::Text("*hello*".into())]);
}

#[tokio::test]
async fn a_message_that_fails_after_it_was_accepted_is_given_up_visibly() {
    let subject = subject(None).await;
    subject.double.remove_person(ANNA);
    let delivery = subject.attempt("hello", None).await;
    let outcome = subject.send(&delivery).await;
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    assert!(
        subject.double.untold() > 0,
        "it cannot be settled before its answer is recorded"
    );
    subject.finish(&delivery, sent()).await;
    subject.until_row_is(OutboxState::Dead).await;
    subject.told().await;
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
        let subject = subject(template).await;
        subject.double.approve_template("news", "en", "News: {{1}}");
        subject.double.check_window(check);
        if check == WindowCheck::Late {
            // Ours is the clock that knows.
            subject.world.clock.advance(Duration::from_secs(25 * 3_600));
        }
        let long = "two words\n".repeat(100);
        let mut delivery = subject.attempt(&long, None).await;
        if !has_template {
            let SendOutcome::Rejected { reason } = subject.send(&delivery).await else {
                panic!("nothing can carry it");
            };
            assert!(reason.contains("channels.whatsapp.template"), "{reason}");
            continue;
        }
        let first = subject.send(&delivery).await;
        assert!(matches!(first, SendOutcome::NotSent { .. }), "cut anew: {first:?}");
        let part = subject.part(&delivery);
        assert!(!part.is_last);
        assert!(matches!(subject.send(&delivery).await, SendOutcome::Sent { .. }));
        delivery.sent_through = part.through;
        assert!(matches!(subject.send(&delivery).await, SendOutcome::Sent { .. }));
        let words: usize = subject
            .seen_by_anna()
            .iter()
            .map(|sent| sent.text().split(' ').count())
            .sum();
        assert_eq!(words, 200);
    }
}

#[tokio::test]
async fn files_go_both_ways() {
    let subject = subject(None).await;
    subject.double.say(
        ANNA,
        Said::Media {
            kind: MediaKind::Voice,
            media_type: "audio/ogg; codecs=opus".into(),
            caption: None,
            file_name: None,
            content: Bytes::from_static(b"OggS"),
        },
    );
    let envelope = subject.inbox().await.remove(0).envelope;
    let file = &envelope.details.files[0];
    assert_eq!((file.kind, file.file.name.as_str()), (FileKind::Voice, "voice.ogg"));
    assert_eq!(envelope.text, file.line());
    assert_eq!(
        Files::new(subject.world.blobs()).read(&file.file).await.unwrap(),
        "OggS"
    );
    let too_large = subject
        .channel
        .fetch_file(&subject.double.keep_media("image/png", "12345"), 4)
        .await;
    assert_eq!(too_large, Err(FetchError::TooLarge { bytes_max: 4 }));

    let blob = blobs::BlobName::parse("attachments/1/a").unwrap();
    Files::new(subject.world.blobs())
        .keep(&blob, Bytes::from_static(b"%PDF"))
        .await
        .unwrap();
    let attachment = Attachment {
        name: "may.pdf".into(),
        media_type: "application/pdf".into(),
        bytes: 4,
        blob: blob.to_string(),
    };
    let delivery = subject.attempt("*as asked*", Some(Extra::File(attachment))).await;
    assert!(matches!(subject.send(&delivery).await, SendOutcome::Sent { .. }));
    assert_eq!(
        subject.seen_by_anna(),
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
    let subject = subject(None).await;
    let id = subject.double.say(ANNA, Said::Text("hi".into()));
    subject.told().await;
    let chat = chat_of(ANNA);
    for _ in 0..3 {
        subject.channel.typing(&chat, true).await;
    }
    assert!(subject.double.is_read(&id));
    assert_eq!(
        subject.double.typing_shown(),
        [ANNA],
        "shown for 25 seconds, so said once"
    );
    let reaction = Extra::Reaction {
        message: id.clone(),
        emoji: "👍".into(),
    };
    let delivery = subject.attempt("", Some(reaction)).await;
    assert!(matches!(subject.send(&delivery).await, SendOutcome::Sent { .. }));
    let emoji = "👍".to_owned();
    assert_eq!(subject.seen_by_anna(), [Sent::Reaction { message_id: id, emoji }]);
}

#[tokio::test]
async fn a_revoked_token_and_a_busy_platform_hold_back_and_a_group_chat_is_refused() {
    let subject = subject(None).await;
    subject.double.say(ANNA, Said::Text("hi".into()));
    subject.told().await;
    let mut delivery = subject.attempt("hello", None).await;
    subject.double.revoke_token();
    assert!(matches!(subject.send(&delivery).await, SendOutcome::AccountDown { .. }));
    subject.double.restore_token();
    subject.faults.next("/messages", Fault::Busy(Duration::from_secs(1)));
    let busy = subject.send(&delivery).await;
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
    subject.faults.next("/messages", Fault::Broken(StatusCode::BAD_GATEWAY));
    assert!(matches!(subject.send(&delivery).await, SendOutcome::Uncertain { .. }));
    delivery.chat = ChatId::new("123@g.us");
    assert!(matches!(subject.send(&delivery).await, SendOutcome::Rejected { .. }));
    assert_eq!(subject.group.as_str(), "family");
}

#[test]
fn settings_are_whole_or_refused_with_what_is_missing() {
    let whole = WhatsApp {
        access_token: Some(Secret::new("t")),
        phone_number_id: Some("1".into()),
        app_secret: Some(Secret::new("s")),
        verify_token: Some(Secret::new("v")),
        ..WhatsApp::default()
    };
    assert!(WhatsApp::default().account().unwrap().is_none(), "not configured");
    assert!(whole.account().unwrap().is_some());
    let half = WhatsApp {
        app_secret: None,
        ..whole.clone()
    };
    let refused = half.account().err().unwrap().to_string();
    assert!(refused.contains("WHATSAPP_APP_SECRET"), "{refused}");
    let number = WhatsApp {
        phone_number_id: Some("+49 151".into()),
        ..whole
    };
    assert!(number.account().is_err());
}
