//! How fast messages come in and are indexed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::fleet::{Fleet, Tables};

use crate::report::Measurement;

/// Messages at a time on their way to the gateways.
const SENDERS: usize = 256;
const LASTS: Duration = Duration::from_secs(10);

/// Messages a second in the inboxes, over two gateways, with nobody to answer them.
pub(crate) async fn ingest() -> Vec<Measurement> {
    let fleet = Fleet::builder()
        .services(2, 1, 0)
        .rooms(SENDERS)
        .durable()
        .direct()
        .env("LOG_LEVEL", "warn")
        .start()
        .await;
    let began = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|room| {
            let platform = Arc::clone(&fleet.platform);
            tokio::spawn(async move {
                while began.elapsed() < LASTS {
                    platform.say(room, "").await;
                }
            })
        })
        .collect();
    let tables = Tables::connect(&fleet).await;
    let mut samples = Vec::new();
    while began.elapsed() < LASTS {
        let (before, at) = (tables.count("SELECT COUNT(*) FROM messages").await, Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let grown = tables.count("SELECT COUNT(*) FROM messages").await - before;
        samples.push(grown as f64 / at.elapsed().as_secs_f64());
    }
    for sender in senders {
        sender.await.unwrap();
    }
    vec![Measurement {
        name: "ingest",
        unit: "1/s",
        samples,
        depends_on: "signed webhooks by 256 senders through 2 gateways into inboxes, load generator on the same machine, fsync on",
    }]
}
