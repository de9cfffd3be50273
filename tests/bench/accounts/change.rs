//! One channel's changes: the holder is killed, or asked to stop, while somebody speaks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tests::fleet::{Fleet, PATIENCE, Registrar, Tables};

use super::Peer;
use super::front::Front;
use crate::asked;
use crate::report::{self, Measurement};

/// Changes of each kind, unless `CLAWHOLD_BENCH_TRIALS` says otherwise.
const TRIALS: usize = 10;
/// How often somebody speaks.
const SPEAKS_EVERY: Duration = Duration::from_millis(200);
/// How long before the change, and after it is over.
const AROUND: Duration = Duration::from_secs(1);
/// Answers of 409 for each change beyond which it is a storm.
const CONFLICTS_MAX: u64 = 3;

/// How the holder goes.
#[derive(Clone, Copy)]
enum How {
    Killed,
    Stopped,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
        }
    }

    /// The longest that a message may wait.
    fn wait_max(self) -> Duration {
        match self {
            Self::Killed => Duration::from_secs(20),
            Self::Stopped => Duration::from_secs(2),
        }
    }
}

/// How much is measured, and which promises were kept so far.
pub(super) struct Bench {
    trials: usize,
    pub(super) kept: Vec<bool>,
}

impl Bench {
    /// `CLAWHOLD_BENCH_TRIALS` changes of each kind.
    pub(super) fn from_environment() -> Self {
        Self {
            trials: asked::number("CLAWHOLD_BENCH_TRIALS", TRIALS).max(1),
            kept: Vec::new(),
        }
    }

    /// Measures a peer and prints what was seen.
    pub(super) async fn measure<P: Peer>(&mut self, start: impl AsyncFn() -> P) {
        let peer = start().await;
        let name = peer.name();
        if !asked::is_asked_for(name) {
            return;
        }
        let mut stage = Stage::set(&peer, asked::channel_of(name)).await;
        for how in [How::Killed, How::Stopped] {
            let (conflicts, mut waits, mut missed) = (peer.conflicts(), Vec::new(), Missed::default());
            for _ in 0..self.trials {
                let (wait, lost_or_doubled) = stage.change(how).await;
                waits.push(wait);
                missed.add(&lost_or_doubled);
            }
            let conflicts = peer.conflicts() - conflicts;
            self.kept.push(print(name, how, &waits, &missed, conflicts));
        }
    }
}

/// What was spoken and did not arrive once.
#[derive(Default)]
struct Missed {
    spoken: u64,
    lost: u64,
    doubled: u64,
}

impl Missed {
    fn add(&mut self, other: &Self) {
        self.spoken += other.spoken;
        self.lost += other.lost;
        self.doubled += other.doubled;
    }
}

/// Two gateways, an account, and somebody who counts aloud.
struct Stage<'p, P> {
    peer: &'p P,
    channel: String,
    fleet: Fleet,
    tables: Tables,
    next: i64,
    _front: Front,
}

impl<'p, P: Peer> Stage<'p, P> {
    async fn set(peer: &'p P, channel: &str) -> Self {
        let fleet = Fleet::builder()
            .services(2, 1, 0)
            .rooms(0)
            .durable()
            .direct()
            .config(&peer.settings())
            .start()
            .await;
        let front = Front::start(fleet.gateways.iter().map(|gateway| gateway.address()).collect()).await;
        peer.listen(&front.url()).await;
        let mut stage = Self {
            peer,
            channel: channel.to_owned(),
            tables: Tables::connect(&fleet).await,
            fleet,
            next: 0,
            _front: front,
        };
        stage.open().await;
        stage
    }

    /// Registers the chat, and waits until what is said there is heard.
    async fn open(&mut self) {
        let holds = async || self.holder().await.is_some();
        self.fleet.until("somebody to hold the account", holds).await;
        let account = format!("SELECT account FROM accounts WHERE channel = '{}'", self.channel);
        let account = self.tables.text(&account).await.unwrap();
        let registrar = Registrar::connect(&self.fleet.database).await;
        registrar
            .register(&self.channel, &account, &self.peer.chat(), "spoken")
            .await;
        let began = Instant::now();
        while self.taken(0).await.is_empty() {
            assert!(
                began.elapsed() < PATIENCE,
                "nothing is heard of {}\n{}",
                self.channel,
                self.fleet.logs()
            );
            self.speak();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The number of the gateway that holds the account.
    async fn holder(&self) -> Option<usize> {
        let holder = format!(
            "SELECT holder FROM accounts WHERE channel = '{}' AND holder IS NOT NULL",
            self.channel
        );
        let holder = self.tables.text(&holder).await?;
        let gateway = holder.split('/').next()?;
        gateway.rsplit('-').next()?.parse().ok()
    }

    /// Says the next number; returns it.
    fn speak(&mut self) -> i64 {
        self.next += 1;
        self.peer.say(&format!("#{}.", self.next));
        self.next
    }

    /// The numbers after this one that were taken in, each with the time.
    async fn taken(&self, after: i64) -> Vec<(i64, i64)> {
        let number = r"substring(text FROM '#(\d+)\.')::BIGINT";
        let query = format!(
            r"SELECT {number}, arrived_at FROM messages WHERE text ~ '#\d+\.' AND {number} > {after} ORDER BY 1"
        );
        self.tables.pairs(&query).await
    }

    /// One change: the longest wait of a message, and what did not arrive once.
    async fn change(&mut self, how: How) -> (Duration, Missed) {
        let leaves = self.holder().await.expect("somebody holds the account");
        let before = self.next;
        let mut spoken = BTreeMap::new();
        self.speak_for(AROUND, &mut spoken).await;
        match how {
            How::Killed => self.fleet.gateways[leaves].kill(),
            How::Stopped => self.fleet.gateways[leaves].terminate(),
        }
        let left = Instant::now();
        while self.holder().await.is_none_or(|holder| holder == leaves) {
            assert!(left.elapsed() < PATIENCE, "nobody took over\n{}", self.fleet.logs());
            self.speak_for(SPEAKS_EVERY, &mut spoken).await;
        }
        self.speak_for(AROUND, &mut spoken).await;
        let (missed, wait) = self.settle(before, &spoken).await;
        let gateway = &mut self.fleet.gateways[leaves];
        while gateway.runs() && gateway.ended().is_none() {
            assert!(left.elapsed() < PATIENCE, "it does not end\n{}", gateway.log_tail());
            tokio::time::sleep(SPEAKS_EVERY).await;
        }
        gateway.start();
        self.fleet.ready().await;
        (wait, missed)
    }

    async fn speak_for(&mut self, span: Duration, spoken: &mut BTreeMap<i64, i64>) {
        let began = Instant::now();
        while began.elapsed() < span {
            let at = now_ms();
            spoken.insert(self.speak(), at);
            tokio::time::sleep(SPEAKS_EVERY).await;
        }
    }

    /// Waits until everything was taken in, or it is clear that it will not be.
    async fn settle(&self, before: i64, spoken: &BTreeMap<i64, i64>) -> (Missed, Duration) {
        let began = Instant::now();
        loop {
            let taken = self.taken(before).await;
            let mut first = BTreeMap::new();
            for (number, at) in &taken {
                first.entry(*number).or_insert(*at);
            }
            if first.len() < spoken.len() && began.elapsed() < PATIENCE {
                tokio::time::sleep(SPEAKS_EVERY).await;
                continue;
            }
            let waits = first.iter().map(|(number, at)| at - spoken[number]);
            let missed = Missed {
                spoken: spoken.len() as u64,
                lost: (spoken.len() - first.len()) as u64,
                doubled: (taken.len() - first.len()) as u64,
            };
            let longest = waits.max().unwrap_or_default();
            return (missed, Duration::from_millis(longest.max(0) as u64));
        }
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Prints what was seen of one kind of change; whether what is promised was kept.
fn print(peer: &str, how: How, waits: &[Duration], missed: &Missed, conflicts: u64) -> bool {
    let measured = Measurement::of_durations("account-failover", waits, "");
    let [p50, p90, max] = [0.5, 0.9, 1.0].map(|share| measured.percentile(share));
    let checks = [
        (missed.lost > 0, "messages were lost"),
        (missed.doubled > 0, "messages were taken twice"),
        (
            waits.iter().any(|wait| *wait > how.wait_max()),
            "a message waited too long",
        ),
        (conflicts > CONFLICTS_MAX * waits.len() as u64, "a storm of conflicts"),
    ];
    let broken: Vec<_> = checks.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
    report::print_object(&json!({
        "name": "account-failover", "channel": peer, "holder": how.name(), "unit": "ms", "n": waits.len(),
        "p50": p50, "p90": p90, "max": max, "spoken": missed.spoken, "lost": missed.lost, "doubled": missed.doubled,
        "conflicts": conflicts, "promise": format!("0 lost, 0 doubled, at most {} s", how.wait_max().as_secs()),
        "kept": broken.is_empty(), "broken": broken,
        "depends_on": "the longest wait of a message of each change, five spoken a second; two gateways, Postgres and NATS on one \
                       machine, fsync on; stand-in of the platform",
    }));
    for broken in &broken {
        eprintln!("bench: {peer}, holder {}: {broken}", how.name());
    }
    broken.is_empty()
}
