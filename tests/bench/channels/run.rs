//! One channel's run: several installations side by side, each with an account of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::Hint;
use gateway::delivery::{DeliveryLoop, Lease};
use gateway::health::Health;
use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::time::Timestamp;
use serde_json::json;
use service::readiness::Readiness;
use store::keeper::{Keeper, Takeover};
use tokio_util::sync::CancellationToken;

use super::Peer;
use super::count::Count;
use super::world::World;
use crate::{asked, report};

/// Messages of a channel, unless `CLAWHOLD_BENCH_SENDS` says otherwise.
const SENDS: usize = 100_000;
/// Installations side by side: of a platform that must be asked again and again most of the time is waited.
const INSTALLATIONS: usize = 8;
const SEED: u64 = 20_261_128;
/// How much faster the clock of rows, adapter and stand-in runs than the machine's.
const PACE: u32 = 20;
/// How often the clock is moved on; after a longer pause it loses time, so that no window passes unseen.
const STEP: Duration = Duration::from_millis(20);
const STEP_MAX: Duration = Duration::from_millis(100);
/// How often the lease is renewed and the outbox looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A channel that takes longer has failed.
const RUN_MAX: Duration = Duration::from_secs(1_800);
/// A heartbeat is a look; the rest is far away, so that a machine that stands still for a moment loses nothing.
const TIMINGS: LeaseTimings = LeaseTimings {
    heartbeat: Duration::from_secs(60),
    trust: Duration::from_secs(3_600),
    kill: Duration::from_secs(4_800),
    dead: Duration::from_secs(6_000),
};

/// How much is measured, and which promises were kept so far.
pub(super) struct Bench {
    sends: usize,
    pub(super) kept: Vec<bool>,
}

impl Bench {
    /// `CLAWHOLD_BENCH_SENDS` messages of each channel.
    pub(super) fn from_environment() -> Self {
        Self {
            sends: asked::number("CLAWHOLD_BENCH_SENDS", SENDS).max(1),
            kept: Vec::new(),
        }
    }

    /// Sends everything over peers like this one and prints what became of it.
    pub(super) async fn measure<P: Peer>(&mut self, start: impl AsyncFn() -> P) {
        let mut peers = vec![start().await];
        let name = peers[0].name();
        if !asked::is_asked_for(name) {
            return;
        }
        while peers.len() < INSTALLATIONS {
            peers.push(start().await);
        }
        let begun = Instant::now();
        let filling = peers.into_iter().enumerate().map(|(index, peer)| {
            let sends = (index..self.sends).step_by(INSTALLATIONS).len();
            World::start(peer, P::CHATS / INSTALLATIONS, sends)
        });
        let worlds = futures::future::join_all(filling).await;
        eprintln!("  {name}: filled after {:.0} s", begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let delivering = worlds.iter().enumerate().map(|(index, world)| {
            world.break_loose(SEED + index as u64);
            deliver(world, begun + RUN_MAX)
        });
        futures::future::join_all(delivering).await;
        let took = begun.elapsed();
        let mut count = Count::default();
        for world in &worlds {
            world.count(&mut count).await;
        }
        self.kept.push(print(&worlds, &count, took));
    }
}

/// Delivers until nothing is left to send, or the time is over.
async fn deliver<P: Peer>(world: &World<P>, until: Instant) {
    let channel = &world.channel;
    let account = LeaseName::Account {
        channel: channel.name().to_owned(),
        account: channel.account().to_owned(),
    };
    let holder = "bench".to_owned();
    let clock = world.clock.clone();
    let store = world.store.clone();
    let mut keeper = Keeper::new(store, account, holder, TIMINGS, clock, || 0.5, Takeover::Observe);
    keeper.tick().await.unwrap();
    let health = Health::new(
        channel.name(),
        channel.account(),
        world.clock.clone(),
        Readiness::new().part("account".to_owned()),
        world.tools.metrics.clone(),
    );
    let lease = Lease::of(&keeper);
    let delivery = DeliveryLoop::new(channel.clone(), lease, world.tools.clone(), Arc::new(health));
    let stop = CancellationToken::new();
    let ready = Readiness::new().part("outbox".to_owned());
    tokio::join!(delivery.run(ready, stop.clone()), async {
        pass_time(world, &mut keeper, until).await;
        stop.cancel();
    });
}

/// Lets time pass quickly until all is sent.
async fn pass_time<P: Peer>(world: &World<P>, keeper: &mut Keeper, until: Instant) {
    let (mut moved, mut looked) = (Instant::now(), Instant::now());
    // Between two states a row is in neither; so it must be quiet twice.
    let mut quiet_looks = 0;
    while quiet_looks < 2 && moved < until {
        tokio::time::sleep(STEP).await;
        let step = moved.elapsed().min(STEP_MAX) * (PACE - 1);
        moved = Instant::now();
        world.peer.advance(step);
        world.clock.advance(step);
        world.tools.hints.publish(Hint::Outbox {
            channel: world.channel.name().to_owned(),
            account: world.channel.account().to_owned(),
            row: None,
        });
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            keeper.tick().await.unwrap();
            quiet_looks = if is_quiet(world).await { quiet_looks + 1 } else { 0 };
        }
    }
}

/// Whether nothing is being sent, and nothing ever will be.
async fn is_quiet<P: Peer>(world: &World<P>) -> bool {
    let (name, account) = (world.channel.name(), world.channel.account());
    let ever = Timestamp::from_millis(i64::MAX);
    let sending = world.store.interrupted_deliveries(name, account).await.unwrap();
    sending.is_empty()
        && world
            .store
            .due_deliveries(name, account, ever, 1)
            .await
            .unwrap()
            .is_empty()
}

/// Prints what became of the messages; whether the promise was kept.
fn print<P: Peer>(worlds: &[World<P>], count: &Count, took: Duration) -> bool {
    let peer = &worlds[0].peer;
    let mut faults = std::collections::BTreeMap::<&str, u64>::new();
    for (fault, times) in worlds.iter().flat_map(|world| world.peer.faults().met()) {
        *faults.entry(fault).or_default() += times;
    }
    let promise = peer.promise();
    let broken = promise.broken(count);
    let seconds = took.as_secs_f64();
    report::print_object(&json!({
        "name": "channels", "channel": peer.name(), "sends": count.rows, "sent": count.sent, "lost": count.lost,
        "doubled": count.doubled, "uncertain": count.uncertain,
        "uncertain_share": count.uncertain as f64 / count.rows.max(1) as f64,
        "uncertain_missing": count.uncertain_missing, "dead": count.dead, "unsent": count.unsent,
        "disordered": count.disordered, "retries": count.attempts.saturating_sub(count.rows), "faults": faults,
        "seconds": (seconds * 10.0).round() / 10.0, "sends_per_s": (count.rows as f64 / seconds).round(),
        "promise": promise.words(), "kept": broken.is_empty(), "broken": broken,
        "depends_on": format!(
            "hostile stand-in: 30 % executed and the answer lost, 10 % 429, 5 % 5xx; real adapter, loop and SQLite, \
             {INSTALLATIONS} accounts side by side with {} chats in all, a clock that runs {PACE} times as fast; {}",
            P::CHATS, peer.eased(),
        ),
    }));
    for broken in &broken {
        eprintln!(
            "bench: {} breaks its promise ({}): {broken}",
            peer.name(),
            promise.words()
        );
    }
    broken.is_empty()
}
