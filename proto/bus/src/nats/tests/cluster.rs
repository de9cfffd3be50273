//! Three servers that keep three copies: one may be lost, the leader too.

use std::time::Duration;

use async_nats::jetstream;
use proto::ingest::{LogRecord, partition_of};
use servers::{NatsCluster, Version};

use super::world::Bus;
use crate::conformance::log::texts_of;
use crate::conformance::{group, message, soon};
use crate::nats::{Config, Scope};
use crate::{Hint, Hints, Ingress, Interest, Log};

const LINGER: Duration = Duration::from_millis(3);
const VERSIONS: [Version; 2] = [Version::V2_15, Version::V2_10];

fn config(cluster: &NatsCluster) -> Config {
    Config {
        urls: cluster.urls(),
        replicas: 3,
        ..Config::new(cluster.servers[0].url())
    }
}

/// Name of the server that leads the stream.
async fn leader(cluster: &NatsCluster) -> String {
    let client = async_nats::connect(cluster.urls()).await.unwrap();
    let stream = jetstream::new(client).get_stream("CLAWHOLD_IN").await.unwrap();
    let info = stream.get_info().await.unwrap();
    info.cluster.unwrap().leader.unwrap()
}

/// Accepted at the first try or a later one, as a platform would send it.
async fn insist(ingress: &dyn Ingress, text: &str) {
    soon("the acknowledgement", async {
        while ingress.accept(message(&group("main"), text)).await.is_err() {}
    })
    .await;
}

/// Reads the log as the indexer does: what breaks off is opened again behind what was read.
async fn read_at_last(log: &dyn Log, count: usize) -> Vec<LogRecord> {
    let mut records: Vec<LogRecord> = Vec::new();
    soon("the messages", async {
        while records.len() < count {
            let last = records.last().map_or(0, |record| record.sequence);
            let Ok(mut reader) = log.read(partition_of(&group("main")), last).await else {
                continue;
            };
            while records.len() < count {
                let Ok(batch) = reader.next(200, LINGER).await else {
                    break;
                };
                records.extend(batch);
            }
        }
    })
    .await;
    records
}

#[tokio::test]
async fn the_loss_of_the_leader_loses_no_message_and_changes_no_order() {
    for version in VERSIONS {
        let cluster = NatsCluster::start(version).await;
        let bus = Bus::with(config(&cluster), Scope::Stream).ready().await;
        let (ingress, log, hints) = (bus.nats.ingress(), bus.nats.log(), bus.nats.hints());
        for number in 0..20 {
            insist(&*ingress, &number.to_string()).await;
        }
        let lost = leader(&cluster).await;
        cluster.server(&lost).kill().await;
        for number in 20..40 {
            insist(&*ingress, &number.to_string()).await;
        }
        assert_ne!(leader(&cluster).await, lost);
        let bus = bus.ready().await;
        let mut listener = hints.listen(Interest::Tasks);
        soon("a hint", async {
            loop {
                hints.publish(Hint::Tasks);
                if listener.next().await == Some(Hint::Tasks) {
                    return;
                }
            }
        })
        .await;
        cluster.server(&lost).restart().await;
        for number in 40..45 {
            insist(&*ingress, &number.to_string()).await;
        }
        let expected: Vec<_> = (0..45).map(|number: u32| number.to_string()).collect();
        assert_eq!(texts_of(&read_at_last(&*log, 45).await), expected);
        bus.stop().await;
    }
}
