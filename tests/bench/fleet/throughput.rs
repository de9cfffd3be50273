//! Loads: how long a message takes, how many turns a fleet makes, and what chaos does to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use tests::fleet::{Chaos, Fleet, Load, Service};
use tokio::task::JoinSet;

use super::SETTING;
use crate::report::Measurement;

/// A message from when its gateway said that it is in the log: until a runner has read its row, until the agent that has it calls the
/// model, and until its reply is on the platform. At 200 a second, which is about what two cores can do, and at half of that.
pub(crate) async fn dispatch() -> Vec<Measurement> {
    let mut measured = dispatch_at(200.0, ["dispatch", "dispatch-model", "dispatch-reply"]).await;
    measured.extend(dispatch_at(100.0, ["dispatch-half", "dispatch-half-model", "dispatch-half-reply"]).await);
    measured
}

async fn dispatch_at(rate: f64, [until_read, until_called, until_spoken]: [&'static str; 3]) -> Vec<Measurement> {
    const ROOMS: usize = 12;
    let load = Load {
        rate,
        rooms: ROOMS,
        lasts: Duration::from_secs(20),
        early_every: 0,
    };
    let fleet = Fleet::builder()
        .rooms(ROOMS)
        .durable()
        .direct()
        .env("LOG_LEVEL", "warn,runner::run::events=debug")
        .config("[log]\nformat = \"json\"\n")
        .start()
        .await;
    for room in 0..ROOMS {
        fleet.ask(room).await;
    }
    let warm = fleet.platform.accepted().keys().max().copied().unwrap_or_default();
    let (wall, began) = (DateTime::<Utc>::from(SystemTime::now()), Instant::now());
    load.run(Arc::clone(&fleet.platform)).await;
    fleet
        .until("all answers", async || fleet.platform.unanswered().is_empty())
        .await;
    let logs = fleet.runners.iter().map(Service::log_text);
    let read: HashMap<u64, Instant> = logs
        .flat_map(|log| log.lines().filter_map(read_of_line).collect::<Vec<_>>())
        .filter_map(|(number, at)| Some((number, began + (at - wall).to_std().ok()?)))
        .collect();
    let called: HashMap<u64, Instant> = fleet
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
    let accepted = fleet.platform.accepted();
    let until = |name, ends: &HashMap<u64, Instant>, depends_on| {
        let loaded = accepted.iter().filter(|(number, _)| **number > warm);
        let spans: Vec<_> = loaded
            .map(|(number, (_, at))| ends[number].saturating_duration_since(*at))
            .collect();
        Measurement::of_durations(name, &spans, depends_on)
    };
    vec![
        until(
            until_read,
            &read,
            "in the log (its gateway's answer has arrived) until its row is in the runner's hand, 200/s (half: 100/s), 12 warm groups; fleet setting",
        ),
        until(
            until_called,
            &called,
            "in the log until the agent calls the model, 200/s (half: 100/s), 12 warm groups; fleet setting",
        ),
        until(
            until_spoken,
            &spoken,
            "in the log until the reply is on the platform, 200/s (half: 100/s), 12 warm groups; fleet setting",
        ),
    ]
}

/// The number of the message that a runner had read, and when, if a line of its log says so.
fn read_of_line(line: &str) -> Option<(u64, DateTime<Utc>)> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let number = line["message.key"].as_str()?.rsplit('m').next()?.parse().ok()?;
    let at = DateTime::parse_from_rfc3339(line["timestamp"].as_str()?).ok()?;
    Some((number, at.to_utc()))
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
