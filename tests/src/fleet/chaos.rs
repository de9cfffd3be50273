//! Does to a fleet under load what the world does: kills, pauses, cuts, restarts, one thing after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Fleet, FleetBuilder, Load, Service, check};

/// Patience after the load, until the last answer: two takeovers one after the other, and what piled up.
const REST: Duration = Duration::from_secs(180);

/// What a fleet showed under chaos.
#[derive(Clone, Debug)]
pub struct Survived {
    /// From taken to answered, of every message.
    pub latencies: Vec<Duration>,
}

/// A load with a nemesis.
pub struct Chaos {
    load: Load,
    seed: u64,
    fleet: FleetBuilder,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    KillRunner,
    KillGateway,
    KillScheduler,
    FreezeRunner,
    FreezeGateway,
    CutRunnerFromDatabase,
    CutRunnerFromBroker,
    SilenceGateway,
    RestartBroker,
    RestartDatabase,
}

const BLOWS: [Blow; 10] = [
    Blow::KillRunner,
    Blow::KillGateway,
    Blow::KillScheduler,
    Blow::FreezeRunner,
    Blow::FreezeGateway,
    Blow::CutRunnerFromDatabase,
    Blow::CutRunnerFromBroker,
    Blow::SilenceGateway,
    Blow::RestartBroker,
    Blow::RestartDatabase,
];

impl Chaos {
    /// Without a seed one is drawn; it is printed in any case.
    pub fn new(load: Load, seed: Option<u64>) -> Self {
        Self {
            load,
            seed: seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000)),
            fleet: Fleet::builder().rooms(load.rooms),
        }
    }

    /// Runs it and checks what must hold; returns what was seen.
    ///
    /// # Panics
    /// With every promise that was broken, and the seed.
    pub async fn run(self) -> Survived {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut fleet = self.fleet.start().await;
        fleet.model.thinks(Duration::from_millis(5));
        let load = tokio::spawn(self.load.run(Arc::clone(&fleet.platform)));
        let started = Instant::now();
        let mut story = vec![format!("CHAOS_SEED={}", self.seed)];
        while started.elapsed() < self.load.lasts {
            let blow = BLOWS[random.random_range(0..BLOWS.len())];
            story.push(format!("{:>5.1} s {blow:?}", started.elapsed().as_secs_f64()));
            strike(&mut fleet, blow, &mut random).await;
            revive(&mut fleet);
            pause(&mut random, 500..2_500).await;
        }
        let loaded = load.await.unwrap();
        revive(&mut fleet);
        let rest = Instant::now();
        while !fleet.platform.unanswered().is_empty()
            || !super::Tables::connect(&fleet).await.unsettled().await.is_empty()
        {
            if rest.elapsed() > REST {
                break;
            }
            revive(&mut fleet);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Shown with a failure only.
        #[expect(clippy::print_stdout, reason = "the seed must be known to run it again")]
        {
            println!("{}\n{loaded:?}", story.join("\n"));
        }
        check(&fleet).await;
        Survived {
            latencies: fleet.latencies(),
        }
    }
}

/// A service whose life is over ends by itself; whoever supervises it starts the next one.
fn revive(fleet: &mut Fleet) {
    for service in fleet.services() {
        if service.ended().is_some() {
            service.start();
        }
    }
}

async fn strike(fleet: &mut Fleet, blow: Blow, random: &mut StdRng) {
    match blow {
        Blow::KillRunner => kill(&mut fleet.runners, random).await,
        Blow::KillGateway => kill(&mut fleet.gateways, random).await,
        Blow::KillScheduler => kill(&mut fleet.schedulers, random).await,
        Blow::FreezeRunner => freeze(&fleet.runners, random).await,
        Blow::FreezeGateway => freeze(&fleet.gateways, random).await,
        Blow::CutRunnerFromDatabase => {
            let runner = &pick(&fleet.runners, random).links;
            runner.postgres.cut().await;
            pause(random, 1_000..20_000).await;
            runner.heal().await;
        }
        Blow::CutRunnerFromBroker => {
            let runner = &pick(&fleet.runners, random).links;
            runner.nats.cut().await;
            pause(random, 1_000..5_000).await;
            runner.heal().await;
        }
        Blow::SilenceGateway => {
            let gateway = &pick(&fleet.gateways, random).links;
            gateway.postgres.blackhole();
            gateway.nats.blackhole();
            pause(random, 1_000..6_000).await;
            gateway.heal().await;
        }
        Blow::RestartBroker => fleet.nats.restart().await,
        Blow::RestartDatabase => fleet.postgres.restart().await,
    }
}

fn pick<'s>(services: &'s [Service], random: &mut StdRng) -> &'s Service {
    &services[random.random_range(0..services.len())]
}

/// Killed, and back after a while: at once in place of itself, or after others had to take over.
async fn kill(services: &mut [Service], random: &mut StdRng) {
    let number = random.random_range(0..services.len());
    services[number].kill();
    pause(random, 0..4_000).await;
    services[number].start();
}

/// Short, or longer than it takes to be declared dead.
async fn freeze(services: &[Service], random: &mut StdRng) {
    let service = pick(services, random);
    service.freeze();
    let long = random.random_bool(0.3);
    pause(random, if long { 16_000..22_000 } else { 500..5_000 }).await;
    service.thaw();
}

async fn pause(random: &mut StdRng, millis: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(random.random_range(millis))).await;
}
