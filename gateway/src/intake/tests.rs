use std::sync::Mutex;

use async_trait::async_trait;
use bus::local::MemoryLog;
use bus::{Ingress, IngressError};
use proto::group::ChatSeen;
use proto::ids::ChatId;
use proto::inbound::{Addressed, Envelope, InboundEvent};
use proto::ingest::{IndexBatch, PARTITIONS};

use super::*;
use crate::world::{self, START, World};

fn event(seen: &ChatSeen, id: &str, sender: &str, text: &str) -> InboundEvent {
    InboundEvent {
        sender: sender.into(),
        sender_name: sender.into(),
        sent_at: START,
        addressed: Addressed::No,
        ..world::event(seen, id, text)
    }
}

#[tokio::test]
async fn an_event_is_taken_once_and_its_trigger_decides_whether_it_calls_the_agent() {
    let world = World::new();
    let group = world.group("team", false).await;
    world.chat("test:1", &group).await;
    let (intake, seen) = (world.intake(), world.seen("test:1"));
    let take = async |id, text| intake.take(&seen, event(&seen, id, "u", text), None).await.unwrap();
    assert_eq!(take("1", "chatter").await, Taken::Context);
    assert_eq!(take("2", "@Andy hi").await, Taken::Accepted);
    assert_eq!(take("2", "@Andy hi").await, Taken::Duplicate);
    let (_, batch) = world.begin_turn().await;
    assert_eq!(batch.messages.len(), 2, "chatter is context of the turn");
}

#[tokio::test]
async fn ch_09_an_unregistered_chat_leaves_only_its_metadata() {
    let world = World::new();
    world.group("team", false).await;
    let (intake, seen) = (
        world.intake(),
        ChatSeen {
            name: Some("Ops".into()),
            ..world.seen("test:9")
        },
    );
    assert_eq!(
        intake.take(&seen, event(&seen, "1", "u", "hi"), None).await.unwrap(),
        Taken::Unregistered
    );
    let chat = world.store.chat(&ChatId::new("test:9")).await.unwrap().unwrap();
    assert_eq!((chat.name.as_deref(), chat.group), (Some("Ops"), None));
}

#[tokio::test]
async fn a_chat_joins_the_group_its_channel_names() {
    let world = World::new();
    let group = world.group("shop", true).await;
    let (intake, seen) = (world.intake(), world.seen("test:1"));
    assert_eq!(
        intake
            .take(&seen, event(&seen, "1", "u", "hi"), Some(&group))
            .await
            .unwrap(),
        Taken::Accepted
    );
    let chat = world.store.chat(&seen.id).await.unwrap().unwrap();
    assert_eq!(chat.group, Some(group));
    let missing = GroupId::parse("missing").unwrap();
    let other = world.seen("test:2");
    let taken = intake
        .take(&other, event(&other, "2", "u", "hi"), Some(&missing))
        .await
        .unwrap();
    assert_eq!(taken, Taken::Unregistered);
}

#[tokio::test]
async fn sa_01_the_allowlist_is_asked_anew_for_every_event() {
    let world = World::new();
    let group = world.group("team", true).await;
    world.chat("test:1", &group).await;
    let (intake, seen) = (world.intake(), world.seen("test:1"));
    let take = async |id, sender| intake.take(&seen, event(&seen, id, sender, "hi"), None).await.unwrap();
    assert_eq!(take("1", "eve").await, Taken::Accepted);
    let list = r#"{"default":{"allow":["bob"],"mode":"drop"}}"#;
    std::fs::write(world.dir.path().join("allow.json"), list).unwrap();
    assert_eq!(take("2", "eve").await, Taken::Dropped);
    assert_eq!(take("3", "bob").await, Taken::Accepted);
    std::fs::write(world.dir.path().join("allow.json"), "{").unwrap();
    assert_eq!(
        take("4", "bob").await,
        Taken::Dropped,
        "an unusable list fails closed here"
    );
}

/// Fails as often as told, then passes on.
struct FlakyIngress {
    inner: Arc<dyn Ingress>,
    failures: Mutex<u32>,
}

#[async_trait]
impl Ingress for FlakyIngress {
    async fn accept(&self, envelope: Envelope) -> Result<Accepted, IngressError> {
        {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(IngressError::Unavailable("disk full".into()));
            }
        }
        self.inner.accept(envelope).await
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_taken_when_sent_again() {
    let world = World::new();
    let group = world.group("team", true).await;
    world.chat("test:1", &group).await;
    let ingress = Arc::new(FlakyIngress {
        inner: world.ingress.clone(),
        failures: Mutex::new(1),
    });
    let (intake, seen) = (world.intake_through(ingress), world.seen("test:1"));
    let first = intake.take(&seen, event(&seen, "1", "u", "hi"), None).await;
    assert!(matches!(first, Err(Refused::Unavailable(_))));
    assert_eq!(
        intake.take(&seen, event(&seen, "1", "u", "hi"), None).await.unwrap(),
        Taken::Accepted
    );
}

#[tokio::test]
async fn a_stopping_node_takes_nothing_in() {
    let world = World::new();
    let stopping = CancellationToken::new();
    let allowlist = AllowlistFile::new(
        world.dir.path().join("none"),
        proto::sender_allowlist::OnInvalid::AllowEverybody,
    );
    let intake = Intake::new(
        world.directory(),
        world.ingress.clone(),
        allowlist,
        "Andy".into(),
        world.commands(world.directory()),
        world.metrics(),
        Attachments::new(crate::files::Files::new(world.blobs()), world.clock.clone()),
        stopping.clone(),
    );
    let seen = world.seen("test:1");
    stopping.cancel();
    let refused = intake.take(&seen, event(&seen, "1", "u", "hi"), None).await;
    assert!(matches!(refused, Err(Refused::Unavailable(_))));
    assert_eq!(world.store.chat(&seen.id).await.unwrap(), None);
}

#[tokio::test]
async fn messages_of_known_chats_are_taken_while_the_store_is_away_and_unknown_ones_are_to_be_sent_again() {
    let world = World::new();
    let group = world.group("team", true).await;
    world.chat("test:1", &group).await;
    let (intake, known, unknown) = (world.intake(), world.seen("test:1"), world.seen("test:2"));
    let take = async |seen: &ChatSeen, id| intake.take(seen, event(seen, id, "u", "hi"), None).await;
    assert_eq!(take(&known, "1").await.unwrap(), Taken::Accepted);

    world.outage.set(store::outage::Manners::IsSilent);
    world.clock.advance(Duration::from_secs(60));
    for id in ["2", "3", "4"] {
        assert_eq!(take(&known, id).await.unwrap(), Taken::Accepted);
    }
    assert!(matches!(take(&unknown, "5").await, Err(Refused::Unavailable(_))));

    world.outage.set(store::outage::Manners::Answers);
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(take(&unknown, "5").await.unwrap(), Taken::Unregistered);
    let (_, batch) = world.begin_turn().await;
    let ids: Vec<_> = batch
        .messages
        .iter()
        .map(|row| row.envelope.dedup_key.as_str())
        .collect();
    assert_eq!(ids, ["test:bot:1", "test:bot:2", "test:bot:3", "test:bot:4"]);
}

#[tokio::test]
async fn every_message_belongs_to_a_trace_its_platforms_if_that_names_one() {
    let world = World::new();
    let group = world.group("team", true).await;
    world.chat("test:1", &group).await;
    let (intake, seen) = (world.intake(), world.seen("test:1"));
    let named = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    let mut of_platform = event(&seen, "1", "u", "hi");
    of_platform.trace = Some(named.clone());
    intake.take(&seen, of_platform, None).await.unwrap();
    intake.take(&seen, event(&seen, "2", "u", "hi"), None).await.unwrap();
    let (_, batch) = world.begin_turn().await;
    let trace = |n: usize| batch.messages[n].envelope.trace.clone().unwrap();
    assert_eq!(trace(0), named);
    assert_ne!(trace(1).trace_id(), named.trace_id());
}

#[tokio::test]
async fn what_lies_in_the_log_still_is_not_taken_for_answered() {
    let world = World::new();
    let group = world.group("team", true).await;
    world.chat("test:1", &group).await;
    let log = MemoryLog::new(world.clock.clone());
    let (intake, seen) = (world.intake_through(Arc::new(log.ingress())), world.seen("test:1"));
    let is_on_its_way = async || intake.has_unindexed(&seen.id, &*world.store).await.unwrap();
    assert!(!is_on_its_way().await, "nothing was said");
    intake.take(&seen, event(&seen, "1", "u", "hi"), None).await.unwrap();
    assert!(is_on_its_way().await, "nobody has read the log yet");
    let cursors = world.store.adopt_log("log", PARTITIONS).await.unwrap();
    assert!(is_on_its_way().await);
    for from in cursors {
        let batch = IndexBatch {
            from,
            through: 1,
            records: Vec::new(),
        };
        world.store.index_batch(&batch, START).await.unwrap();
    }
    assert!(!is_on_its_way().await);
}
