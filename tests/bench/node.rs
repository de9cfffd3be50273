//! What the node itself takes: time to start, memory at rest.

use std::time::{Duration, Instant};

use tests::World;

use crate::report::Measurement;

/// Starts measured.
const STARTS: usize = 20;

/// From starting the process to `/readyz` saying yes, on an existing database.
pub(crate) async fn start() -> Vec<Measurement> {
    let mut world = World::start().await;
    let mut samples = Vec::new();
    for _ in 0..STARTS {
        world.stop().await;
        let started = Instant::now();
        world.run(None);
        while !world.readiness().await.is_some_and(|report| report["ready"] == true) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        samples.push(started.elapsed());
    }
    vec![Measurement::of_durations(
        "start",
        &samples,
        "process start to /readyz, existing database, engine running; polled every 2 ms",
    )]
}

/// Resident memory of the node after ten answered messages, one warm sandbox.
pub(crate) async fn idle_memory() -> Vec<Measurement> {
    /// Readings, one a second.
    const READINGS: usize = 10;
    let mut world = World::start().await;
    for n in 0..10 {
        world.people("main").say(&format!("message {n}")).await;
    }
    world
        .until("the messages to be answered", async || world.model.requests().len() > 1)
        .await;
    let mut samples = Vec::new();
    for _ in 0..READINGS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        samples.push(resident_mib(world.node().pid()));
    }
    vec![Measurement {
        name: "idle-memory",
        unit: "MiB",
        samples,
        depends_on: "resident set of the node process, one warm sandbox, after 10 messages",
    }]
}

pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
