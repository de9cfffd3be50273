//! Real servers between which the links break.

use std::sync::Arc;
use std::time::Duration;

use bus::local::LocalHints;
use bus::nats::{Config as NatsConfig, Nats, Scope};
use bus::{Ingress, Log};
use prometheus_client::registry::Registry;
use proto::time::ManualClock;
use servers::{Postgres, TcpFaults, Version};
use service::readiness::{Readiness, State};
use store::Store;
use store::postgres::{Config as PostgresConfig, PostgresStore};
use tokio_util::sync::CancellationToken;

use super::super::{Indexer, IndexerDeps, IndexerMetrics};
use super::world::{group, inbox, message, register};
use crate::world::{SOON, START};

/// Messages of each group.
const EACH: usize = 120;
const GROUPS: [&str; 3] = ["main", "family", "team-1"];

struct Gateway {
    readiness: Readiness,
    metrics: IndexerMetrics,
    indexer: Indexer,
}

async fn postgres(url: String) -> Arc<dyn Store> {
    let mut config = PostgresConfig::new(url);
    config.connect_timeout = Duration::from_secs(1);
    config.statement_timeout = Duration::from_secs(1);
    Arc::new(PostgresStore::connect(&config, START).await.unwrap())
}

fn gateway(store: &Arc<dyn Store>, log: Arc<dyn Log>) -> Gateway {
    let metrics = IndexerMetrics::register(&mut Registry::default());
    let indexer = Indexer::new(IndexerDeps {
        store: Arc::clone(store),
        log,
        hints: Arc::new(LocalHints::new()),
        clock: Arc::new(ManualClock::at(START)),
        random: service::random::fraction,
        metrics: metrics.clone(),
    });
    Gateway {
        readiness: Readiness::new(),
        metrics,
        indexer,
    }
}

impl Gateway {
    async fn run(self) {
        let condition = self.readiness.condition("indexer");
        self.indexer.run(condition, CancellationToken::new()).await;
    }
}

/// A platform: sends in order, and again until it is told that the message is safe.
async fn speak(ingress: &dyn Ingress, name: &str) {
    for number in 0..EACH {
        while ingress.accept(message(name, &number.to_string())).await.is_err() {}
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let begin = tokio::time::Instant::now();
    while !happened().await {
        assert!(begin.elapsed() < 2 * SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whatever happens to the links and to NATS, each message is in its inbox once and in order.
#[tokio::test]
async fn everything_accepted_is_indexed_once_and_in_order_through_every_outage() {
    let database = Postgres::start().await;
    let url = database.fresh_database().await;
    let direct = postgres(url.clone()).await;
    register(&*direct, &GROUPS).await;
    let link = TcpFaults::start(database.addr()).await;
    let shaky = postgres(link.through(&url)).await;

    let server = servers::Nats::start(Version::V2_15).await;
    let (bus, driver) = Nats::new(NatsConfig::new(server.url()), Scope::Stream).unwrap();
    let (ingress, log) = (bus.ingress(), bus.log());
    let first = gateway(&shaky, log.clone());
    let second = gateway(&direct, log.clone());
    let (readiness, counted) = (first.readiness.clone(), [first.metrics.clone(), second.metrics.clone()]);

    let outages = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for _ in 0..2 {
            // Commits whose answers never arrive.
            link.hold_answers();
            tokio::time::sleep(Duration::from_millis(300)).await;
            link.reset_all().await;
            link.heal().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            link.cut().await;
            until("the outage is told", async || {
                let report = readiness.report();
                matches!(report.conditions.get("indexer"), Some(State::Degraded { reason }) if reason.contains("database"))
            })
            .await;
            link.heal().await;
            server.restart().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let story = async {
        let speaking = futures::future::join_all(GROUPS.map(|name| speak(&*ingress, name)));
        futures::future::join(speaking, outages).await;
        until("everything is indexed", async || {
            let Ok(cursors) = direct.partition_cursors().await else {
                return false;
            };
            for cursor in cursors {
                if !matches!(log.waiting(cursor.partition, cursor.through).await, Ok(None)) {
                    return false;
                }
            }
            true
        })
        .await;
        until("the recovery is told", async || readiness.report().ready).await;
    };
    tokio::select! {
        () = first.run() => {}
        () = second.run() => {}
        result = driver.run(CancellationToken::new(), |_| {}) => panic!("{result:?}"),
        () = story => {}
    }
    let expected: Vec<_> = (0..EACH).map(|number| number.to_string()).collect();
    for name in GROUPS {
        assert_eq!(inbox(&*direct, name, EACH + 1).await, expected, "{name}");
    }
    let wasted: u64 = counted.iter().map(IndexerMetrics::overtaken).sum();
    assert!(wasted < 100, "{wasted} batches were wasted");
    assert!(direct.dead_letters(10).await.unwrap().is_empty());
    assert_eq!(group("main").as_str(), "main");
}
