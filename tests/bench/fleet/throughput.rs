//! Loads: how long a message takes, how many turns a fleet makes, and what chaos does to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::fleet::{Chaos, Fleet, Load};
use tokio::task::JoinSet;

use super::SETTING;
use crate::report::Measurement;

/// A message sent to the gateway until a runner has read its row, and taken until the agent that has it calls the model, and until
/// its reply is on the platform, at 200 a second.
pub(crate) async fn dispatch() -> Vec<Measurement> {
    const ROOMS: usize = 12;
    let load = Load {
        rate: 200.0,
        rooms: ROOMS,
        lasts: Duration::from_secs(20),
        early_every: 0,
    };
    let fleet = Fleet::builder()
        .rooms(ROOMS)
        .durable()
        .direct()
        .env("LOG_LEVEL", "warn")
        .start()
        .await;
    for room in 0..ROOMS {
        fleet.ask(room).await;
    }
    let read_before = read(&fleet).await;
    let warm = fleet.platform.accepted().keys().max().copied().unwrap_or_default();
    load.run(Arc::clone(&fleet.platform)).await;
    fleet
        .until("all answers", async || fleet.platform.unanswered().is_empty())
        .await;
    let began: HashMap<u64, Instant> = fleet
        .model
        .calls()
        .iter()
        .flat_map(|call| call.numbers.iter().map(|number| (*number, call.began)))
        .collect();
    let spoken: HashMap<u64, Instant> = fleet
        .platform
        .spoken()
        .iter()
        .flat_map(|spoken| spoken.answers().into_iter().map(|number| (number, spoken.at)))
        .collect();
    let since = |ends: &HashMap<u64, Instant>| -> Vec<Duration> {
        let accepted = fleet.platform.accepted();
        let loaded = accepted.iter().filter(|(number, _)| **number > warm);
        let spans = loaded.filter_map(|(number, (_, at))| Some(ends.get(number)?.saturating_duration_since(*at)));
        spans.collect()
    };
    vec![
        Measurement {
            name: "dispatch",
            unit: "ms",
            samples: between(&read_before, &read(&fleet).await),
            depends_on: "sent to the gateway until its row is in the runner's hand, 200/s, 12 warm groups: upper bounds of the buckets of clawhold_inbox_wait_seconds; fleet setting",
        },
        Measurement::of_durations(
            "dispatch-model",
            &since(&began),
            "taken by the gateway until the agent calls the model, 200/s, 12 warm groups; fleet setting",
        ),
        Measurement::of_durations(
            "dispatch-reply",
            &since(&spoken),
            "taken by the gateway until the reply is on the platform, 200/s, 12 warm groups; fleet setting",
        ),
    ]
}

/// How long messages waited until a runner had read them, of all runners: bounds in seconds, and how many up to there.
async fn read(fleet: &Fleet) -> Vec<(f64, f64)> {
    let mut sum: Vec<(f64, f64)> = Vec::new();
    for runner in &fleet.runners {
        let buckets = runner.histogram("clawhold_inbox_wait_seconds").await;
        if sum.is_empty() {
            sum = buckets;
        } else {
            sum.iter_mut().zip(buckets).for_each(|(sum, bucket)| sum.1 += bucket.1);
        }
    }
    sum
}

/// What came between two states of a histogram of seconds, in milliseconds: each sample as the upper bound of its bucket.
fn between(before: &[(f64, f64)], after: &[(f64, f64)]) -> Vec<f64> {
    let mut samples = Vec::new();
    for ((bound, until), (_, from)) in after.iter().zip(before) {
        samples.resize((until - from) as usize, bound * 1e3);
    }
    samples
}

/// Turns committed a second while somebody in each room writes again as soon as they were answered: with all slots taken by warm
/// agents nothing but turns goes on.
pub(crate) async fn turn_cycles() -> Vec<Measurement> {
    const ROOMS: usize = 15;
    let fleet = Fleet::builder()
        .rooms(ROOMS)
        .durable()
        .direct()
        .env("LOG_LEVEL", "warn")
        .start()
        .await;
    let mut people = JoinSet::new();
    for room in 0..ROOMS {
        let platform = Arc::clone(&fleet.platform);
        people.spawn(async move {
            loop {
                let number = platform.say(room, "").await;
                platform.until_answered(number).await;
            }
        });
    }
    let committed = async || {
        let mut sum = 0.0;
        for runner in &fleet.runners {
            sum += runner.metric("clawhold_turns_committed_total").await;
        }
        sum
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut samples = Vec::new();
    for _ in 0..10 {
        let (before, began) = (committed().await, Instant::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
        samples.push((committed().await - before) / began.elapsed().as_secs_f64());
    }
    people.shutdown().await;
    vec![Measurement {
        name: "turn-cycles",
        unit: "1/s",
        samples,
        depends_on: SETTING,
    }]
}

/// Ten minutes of chaos at a hundred messages a second over a hundred groups (`CHAOS_SECONDS` for less); what must hold is checked.
pub(crate) async fn chaos() -> Vec<Measurement> {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let load = Load {
        rate: 100.0,
        rooms: 100,
        lasts: Duration::from_secs(read("CHAOS_SECONDS").unwrap_or(600)),
        early_every: 7,
    };
    let latencies = Chaos::new(load, read("CHAOS_SEED")).run().await.latencies;
    vec![Measurement::of_durations(
        "chaos",
        &latencies,
        "taken until answered under chaos; 0 lost, 0 doubled, order kept, no older sandbox after a newer one: checked",
    )]
}
