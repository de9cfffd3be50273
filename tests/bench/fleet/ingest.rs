//! How fast messages come in and are indexed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::nats::{Config, Nats, Scope};
use bus::{Ingress, IngressError};
use proto::ids::{ChatId, GroupId};
use proto::inbound::{Details, Envelope};
use proto::time::Clock;
use service::clock::SystemClock;
use tests::fleet::{Fleet, Tables, group_name};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::report::Measurement;

/// Messages at a time on their way to the gateways.
const SENDERS: usize = 256;
/// Groups that speak at once, where nothing but the log and the index is measured.
const GROUPS: usize = 1_000;
const LASTS: Duration = Duration::from_secs(10);

/// Messages a second in the inboxes, over two gateways, with nobody to answer them: as platforms bring them, and as the log takes
/// them.
pub(crate) async fn ingest() -> Vec<Measurement> {
    vec![through_webhooks().await, through_the_log().await]
}

async fn through_webhooks() -> Measurement {
    let fleet = fleet(SENDERS).await;
    let until = Instant::now() + LASTS;
    let senders = (0..SENDERS).map(|room| {
        let platform = Arc::clone(&fleet.platform);
        tokio::spawn(async move {
            while Instant::now() < until {
                platform.say(room, "").await;
            }
        })
    });
    Measurement {
        name: "ingest",
        unit: "1/s",
        samples: indexed(&fleet, senders.collect(), until).await,
        depends_on: "signed webhooks by 256 senders through 2 gateways into inboxes, load generator on the same machine, fsync on",
    }
}

async fn through_the_log() -> Measurement {
    let fleet = fleet(GROUPS).await;
    let until = Instant::now() + LASTS;
    let stop = CancellationToken::new();
    let mut senders = Vec::new();
    // As two gateways have two.
    for half in 0..2 {
        let (nats, driver) = Nats::new(Config::new(fleet.nats.url()), Scope::Stream).unwrap();
        tokio::spawn(driver.run(stop.clone(), |_| {}));
        for room in (half..GROUPS).step_by(2) {
            senders.push(tokio::spawn(speak(nats.ingress(), room, until)));
        }
    }
    let samples = indexed(&fleet, senders, until).await;
    stop.cancel();
    Measurement {
        name: "ingest-log",
        unit: "1/s",
        samples,
        depends_on: "1000 groups, each message published once the one before it is acknowledged, through 2 connections into inboxes by 2 gateways; one NATS that flushes every message or batch, Postgres with fsync, all on this machine",
    }
}

/// One group speaks, each message after the one before it is in the log.
async fn speak(ingress: Arc<dyn Ingress>, room: usize, until: Instant) {
    let group = GroupId::parse(&group_name(room)).unwrap();
    let mut number = 0;
    while Instant::now() < until {
        let accepted = ingress.accept(message(&group, room, number)).await;
        match accepted {
            Ok(_) => number += 1,
            Err(IngressError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn message(group: &GroupId, room: usize, number: u64) -> Envelope {
    Envelope {
        dedup_key: format!("webhook:chaos:{room}/{number}"),
        group: group.clone(),
        chat: ChatId::new(format!("webhook:chaos:{room}")),
        sender: "ada".to_owned(),
        sender_name: "Ada".to_owned(),
        text: format!("message {number}"),
        sent_at: SystemClock::default().now(),
        engages: true,
        trace: None,
        task: None,
        details: Details::default(),
    }
}

async fn fleet(rooms: usize) -> Fleet {
    Fleet::builder()
        .services(2, 1, 0)
        .rooms(rooms)
        .durable()
        .direct()
        .env("LOG_LEVEL", "warn")
        .start()
        .await
}

/// Rows that came into the inboxes in each second.
async fn indexed(fleet: &Fleet, senders: Vec<JoinHandle<()>>, until: Instant) -> Vec<f64> {
    let tables = Tables::connect(fleet).await;
    let mut samples = Vec::new();
    while Instant::now() < until {
        let (before, at) = (tables.count("SELECT COUNT(*) FROM messages").await, Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let grown = tables.count("SELECT COUNT(*) FROM messages").await - before;
        samples.push(grown as f64 / at.elapsed().as_secs_f64());
    }
    for sender in senders {
        sender.await.unwrap();
    }
    samples
}
