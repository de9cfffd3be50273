//! A whole fleet on this machine: real Postgres and NATS, every service a process of its own behind links that can be cut.
//!
//! Agents are plain processes that answer at once (`tests/instant-agent`) and call a model that records who acts when; the chat
//! platform is a webhook that repeats what was not taken. What the platform and the model saw is the history that [`check`]
//! judges, together with the tables.

mod builder;
mod chaos;
mod check;
mod history;
mod links;
mod load;
mod model;
mod platform;
mod registrar;
mod service;
mod tables;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use servers::{Nats, Postgres};
use tempfile::TempDir;

pub use builder::{FleetBuilder, instant_agent};
pub use chaos::{Chaos, Survived};
pub use check::check;
pub use history::{Call, Spoken};
pub use links::Links;
pub use load::{Load, Loaded};
pub use model::InstantModel;
pub use platform::Platform;
pub use registrar::{Registrar, put_task_due_once};
pub use service::{Role, Service};
pub use tables::Tables;

/// How long anything may take before a story gives up.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Longer than any turn that a story has under way.
const UNTIL_TOLD: Duration = Duration::from_secs(120);

/// A fleet and everything around it.
pub struct Fleet {
    /// Dropped first: services must not see their servers go.
    pub gateways: Vec<Service>,
    /// See [`Fleet::gateways`].
    pub schedulers: Vec<Service>,
    /// See [`Fleet::gateways`].
    pub runners: Vec<Service>,
    /// The chat platform.
    pub platform: Arc<Platform>,
    /// The model.
    pub model: InstantModel,
    /// The database.
    pub postgres: Postgres,
    /// What follows it, if the builder was told so.
    pub standby: Option<Postgres>,
    /// The broker.
    pub nats: Nats,
    /// Address of the database, and of its standby, without any link between.
    pub database: String,
    directory: TempDir,
}

impl Fleet {
    /// A fleet of the usual size: two gateways, two schedulers, three runners.
    pub fn builder() -> FleetBuilder {
        FleetBuilder::default()
    }

    /// All services, to do something to each.
    pub fn services(&mut self) -> impl Iterator<Item = &mut Service> {
        self.gateways
            .iter_mut()
            .chain(&mut self.schedulers)
            .chain(&mut self.runners)
    }

    /// Waits until every service says that it is ready.
    pub async fn ready(&mut self) {
        let started = Instant::now();
        for service in self.services() {
            while !service.is_ready().await {
                assert!(
                    started.elapsed() < PATIENCE,
                    "{} is not ready: {:?}; its log:\n{}",
                    service.name(),
                    service.readiness().await,
                    service.log_tail()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits for something, with all logs in the failure.
    pub async fn until(&self, what: &str, predicate: impl AsyncFn() -> bool) {
        self.within(PATIENCE, what, predicate).await;
    }

    /// As [`Fleet::until`], with another patience; returns how long it took.
    pub async fn within(&self, patience: Duration, what: &str, predicate: impl AsyncFn() -> bool) -> Duration {
        let started = Instant::now();
        while !predicate().await {
            assert!(
                started.elapsed() < patience,
                "waited in vain for {what}\n{}",
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        started.elapsed()
    }

    /// Says something in a room, and waits until it was answered; returns how long that took.
    pub async fn ask(&self, room: usize) -> Duration {
        let number = self.platform.say(room, "").await;
        let taken = Instant::now();
        let answered = tokio::time::timeout(PATIENCE, self.platform.until_answered(number)).await;
        assert!(answered.is_ok(), "waited in vain for an answer\n{}", self.logs());
        taken.elapsed()
    }

    /// Says something in a room, and waits until its agent has called the model, which thinks about it until
    /// [`InstantModel::answer_now`]; an agent asks again after half a minute. Later calls are answered at once. Returns the
    /// message's number.
    pub async fn begin_turn(&self, room: usize, text: &str) -> u64 {
        self.model.thinks(UNTIL_TOLD);
        let number = self.platform.say(room, text).await;
        self.until("the turn to begin", async || self.model.thinks_about(number))
            .await;
        self.model.thinks(Duration::ZERO);
        number
    }

    /// Number of the runner that has a room's group, or had it last.
    pub async fn holder(&self, room: usize) -> usize {
        let query = format!("SELECT last_runner FROM groups WHERE id = '{}'", group_name(room));
        let holder = Tables::connect(self).await.text(&query).await;
        let holder = holder.expect("rooms are registered");
        holder.rsplit('-').next().unwrap().parse().unwrap()
    }

    /// From taken to answered, of every message that was.
    pub fn latencies(&self) -> Vec<Duration> {
        let mut answered = std::collections::HashMap::new();
        for spoken in self.platform.spoken() {
            answered.extend(spoken.answers().into_iter().map(|number| (number, spoken.at)));
        }
        let accepted = self.platform.accepted();
        let spans = accepted
            .iter()
            .filter_map(|(number, (_, at))| Some(answered.get(number)?.saturating_duration_since(*at)));
        spans.collect()
    }

    /// The ends of all logs.
    pub fn logs(&self) -> String {
        let all = self.gateways.iter().chain(&self.schedulers).chain(&self.runners);
        all.map(|service| format!("== {}\n{}\n", service.name(), service.log_tail()))
            .collect()
    }

    /// Where the services keep their things.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Name of the hook and account of all rooms.
pub(crate) const HOOK: &str = "chaos";

/// Name of a group.
pub fn group_name(room: usize) -> String {
    format!("room-{room}")
}
