//! One node: gateway, scheduler and runner in one process, over one SQLite file and an in-process bus.
//!
//! This is composition only: which adapter stands behind which port. The services do not know that they share a process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use blobs::BlobStore;
use blobs::directory::DirectoryStore;
use bus::local::{LocalHints, LocalIngress};
use prometheus_client::registry::Registry;
use proto::ids::IdSource;
use proto::time::Clock;
use service::clock::SystemClock;
use service::ids::RandomIds;
use service::lifecycle::{Lifecycle, Outcome};
use service::readiness::Readiness;
use store::Store;
use store::keeper::Takeover;
use store::sqlite::SqliteStore;

use crate::config::Config;
use crate::{first_group, node_files, runtime};

/// Database below the data directory.
const DATABASE: &str = "clawhold.db";
/// Name of the directory with the files of messages, below the data directory.
const BLOBS: &str = "blobs";
/// A node that runs.
pub(crate) struct Node {
    lifecycle: Lifecycle,
    gateway: gateway::Running,
    drain: Duration,
}

impl Node {
    /// Starts everything; `config_files` are where the configuration came from. Ports are bound when this returns.
    ///
    /// # Errors
    /// When something the node cannot do without is not to be had; says what and what to do.
    pub(crate) async fn start(config: Config, config_files: Vec<PathBuf>) -> anyhow::Result<Self> {
        let lifecycle = Lifecycle::new();
        lifecycle.listen_to_signals().context("signals cannot be heard")?;
        let data_dir = node_files::make_data_dir(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn IdSource> = Arc::new(RandomIds);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&data_dir.join(DATABASE), clock.now())?);
        let install = node_files::install_id(&data_dir, &*ids)?;
        first_group::register(&*store, &*clock, &config.gateway.name).await?;

        let hints = Arc::new(LocalHints::new());
        let ingress = Arc::new(LocalIngress::new(Arc::clone(&store), hints.clone(), Arc::clone(&clock)));
        let readiness = Readiness::new();
        // The services name their conditions one after the other: until all have, none of this is an answer.
        let started = readiness.condition("start");
        let mut registry = Registry::default();
        let drain = Duration::from_millis(config.runner.drain_timeout_ms);

        let runtime = runtime::open(&config.sandbox, &install, &data_dir)?;
        let files: Arc<dyn BlobStore> = Arc::new(DirectoryStore::new(data_dir.join(BLOBS)));
        let runner_deps = runner::Deps {
            store: Arc::clone(&store),
            hints: hints.clone(),
            runtime,
            blobs: None,
            files: Arc::clone(&files),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            random: service::random::fraction,
            readiness: readiness.clone(),
            metrics: runner::Metrics::register(&mut registry),
        };
        let runner_config = runner::Config {
            install,
            installation: node_files::installation(&data_dir, config_files, config.sandbox.engine.as_deref()),
            data_dir: data_dir.clone(),
            group_quota_mb: config.blobs.group_quota_mb,
            assistant_name: config.assistant_name.clone(),
            timezone: config.timezone.tz(),
            runner: config.runner,
            sandbox: config.sandbox,
            model: config.model,
        };
        let scheduler_deps = scheduler::Deps {
            store: Arc::clone(&store),
            hints: hints.clone(),
            blobs: Some(Arc::clone(&files)),
            clock: Arc::clone(&clock),
            random: service::random::fraction,
            readiness: readiness.clone(),
            metrics: scheduler::Metrics::register(&mut registry),
        };
        let scheduler_config = scheduler::Config {
            retention: config.retention,
            lease: runner_config.runner.lease.timings(),
            candidacy: scheduler::Candidacy {
                holder: ids.uuid().simple().to_string(),
                takeover: Takeover::AtOnce,
            },
        };
        let metrics = gateway::Metrics::register(&mut registry);
        let gateway_config = gateway::Config {
            name: config.gateway.name,
            candidacy: gateway::Candidacy {
                holder: ids.uuid().simple().to_string(),
                timings: scheduler_config.lease,
                takeover: Takeover::AtOnce,
            },
            assistant_name: config.assistant_name,
            timezone: config.timezone.tz(),
            data_dir,
            http: config.http,
            channels: config.channels,
            security: config.security,
        };
        let gateway_deps = gateway::Deps {
            store,
            ingress,
            hints,
            blobs: files,
            clock,
            ids,
            random: service::random::fraction,
            readiness: readiness.clone(),
            metrics,
            health: service::http::router(readiness.clone(), Arc::new(registry)),
            version: env!("CARGO_PKG_VERSION"),
        };
        // The ports first: a node that cannot have them must not have begun to work.
        let gateway = gateway::start(gateway_config, gateway_deps, &lifecycle).await?;
        runner::start(runner_config, runner_deps, &lifecycle).await?;
        scheduler::start(scheduler_config, scheduler_deps, &lifecycle);
        started.ok();
        Ok(Self {
            lifecycle,
            gateway,
            drain,
        })
    }

    /// The node's control socket.
    pub(crate) fn socket(&self) -> &Path {
        self.gateway.socket()
    }

    /// Address of the node's HTTP listener.
    pub(crate) fn http(&self) -> std::net::SocketAddr {
        self.gateway.http()
    }

    /// The node's life, to end it or to learn that it ends.
    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// Waits until the node is told to stop, lets it drain, and says how it ended.
    pub(crate) async fn ended(self) -> Outcome {
        self.lifecycle.finished(self.drain).await
    }
}
