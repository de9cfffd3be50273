//! What a person waits for: the first answer of a cold group, and the next ones of a warm group.

use std::time::{Duration, Instant};

use tests::World;

use crate::report::Measurement;

/// Cold groups measured; each keeps its slot, so none waits for another.
const COLD: usize = 12;
/// Messages to a warm group measured.
const WARM: usize = 60;

/// From posting a message to a group without a sandbox to its reply on the client.
pub(crate) async fn cold_start() -> Vec<Measurement> {
    let mut builder = World::builder().env("MAX_CONCURRENT_CONTAINERS", COLD + 1);
    let groups: Vec<_> = (0..COLD).map(|n| format!("cold{n}")).collect();
    for group in &groups {
        builder = builder.open_group(group);
    }
    let mut world = builder.start().await;
    let mut samples = Vec::new();
    for group in &groups {
        samples.push(ask(&mut world, group, "hello").await.total);
    }
    vec![Measurement::of_durations(
        "cold-start",
        &samples,
        "post to reply on the client, no sandbox yet, real SDK, instant model",
    )]
}

/// From posting a message to a warm group to its arrival at the model.
pub(crate) async fn message_to_prompt() -> Vec<Measurement> {
    let samples: Vec<_> = warm().await.into_iter().map(|asked| asked.to_model).collect();
    vec![Measurement::of_durations(
        "message-to-prompt",
        &samples,
        "post to request at the model, warm sandbox; includes the SDK's own work",
    )]
}

/// From posting a message to a warm group to its reply on the client.
pub(crate) async fn follow_up() -> Vec<Measurement> {
    let samples: Vec<_> = warm().await.into_iter().map(|asked| asked.total).collect();
    vec![Measurement::of_durations(
        "follow-up",
        &samples,
        "post to reply on the client, warm sandbox, real SDK, instant model",
    )]
}

struct Asked {
    to_model: Duration,
    total: Duration,
}

async fn warm() -> Vec<Asked> {
    let mut world = World::start().await;
    ask(&mut world, "main", "warm up").await;
    let mut samples = Vec::new();
    for n in 0..WARM {
        samples.push(ask(&mut world, "main", &format!("message number {n}")).await);
    }
    samples
}

async fn ask(world: &mut World, group: &str, text: &str) -> Asked {
    let before = world.people(group).shown().len();
    let requests_before = world.model.request_count();
    let posted = Instant::now();
    world.people(group).say(text).await;
    let people = world.people(group);
    while people.shown().len() == before {
        assert!(posted.elapsed() < Duration::from_secs(60), "no reply within a minute");
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    let shown = people.shown()[before].at;
    let requests = world.model.requests();
    let at_model = requests
        .iter()
        .find(|request| request.number >= requests_before && request.is_turn())
        .unwrap()
        .at;
    Asked {
        to_model: at_model.into_std() - posted,
        total: shown - posted,
    }
}
