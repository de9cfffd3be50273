//! One node: gateway, scheduler and runner in one process, over one SQLite file and an in-process bus.
//!
//! This is composition only: which adapter stands behind which port. The services do not know that they share a process.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bus::local::{LocalHints, LocalIngress};
use gateway::channel::cli;
use prometheus_client::registry::Registry;
use proto::group::GroupSettings;
use proto::ids::{GroupId, IdSource};
use proto::time::Clock;
use runner::sandbox::docker::DockerRuntime;
use service::clock::SystemClock;
use service::ids::RandomIds;
use service::lifecycle::{Lifecycle, Outcome};
use service::readiness::Readiness;
use store::Store;
use store::registration::{self, Registration};
use store::sqlite::SqliteStore;

use crate::config::Config;

/// Database below the data directory.
const DATABASE: &str = "clawhold.db";
/// Name of this installation below the data directory: tells its sandboxes from those of others on the same engine.
const INSTALL_ID: &str = "install-id";
/// Length of an installation's name: enough that two on one host do not collide.
const INSTALL_ID_LENGTH: usize = 12;

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
        let data_dir = make_data_dir(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn IdSource> = Arc::new(RandomIds);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&data_dir.join(DATABASE), clock.now())?);
        let install = install_id(&data_dir, &*ids)?;
        register_main(&*store, &*clock).await?;

        let hints = Arc::new(LocalHints::new());
        let ingress = Arc::new(LocalIngress::new(Arc::clone(&store), hints.clone(), Arc::clone(&clock)));
        let readiness = Readiness::new();
        let mut registry = Registry::default();
        let drain = Duration::from_millis(config.runner.drain_timeout_ms);

        let runtime = Arc::new(DockerRuntime::new(config.sandbox.engine.clone(), install.as_str()));
        let runner_deps = runner::Deps {
            store: Arc::clone(&store),
            hints: hints.clone(),
            runtime,
            clock: Arc::clone(&clock),
            ids,
            random: service::random::fraction,
            readiness: readiness.clone(),
            metrics: runner::Metrics::register(&mut registry),
        };
        let runner_config = runner::Config {
            install,
            installation: installation(&data_dir, config_files, config.sandbox.engine.as_deref()),
            data_dir: data_dir.clone(),
            assistant_name: config.assistant_name.clone(),
            timezone: config.timezone.tz(),
            runner: config.runner,
            sandbox: config.sandbox,
            model: config.model,
        };
        let scheduler_deps = scheduler::Deps {
            store: Arc::clone(&store),
            hints: hints.clone(),
            clock: Arc::clone(&clock),
            random: service::random::fraction,
            readiness: readiness.clone(),
            metrics: scheduler::Metrics::register(&mut registry),
        };
        let scheduler_config = scheduler::Config {
            retention: config.retention,
            lease: runner_config.runner.lease.timings(),
        };
        let metrics = gateway::Metrics::register(&mut registry);
        let gateway_config = gateway::Config {
            assistant_name: config.assistant_name,
            data_dir,
            http: config.http,
            channels: config.channels,
            security: config.security,
        };
        let gateway_deps = gateway::Deps {
            store,
            ingress,
            hints,
            clock,
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

/// Makes the data directory, closed to everybody else, and returns its absolute path without links: the container
/// engine mounts parts of it.
fn make_data_dir(path: &Path) -> anyhow::Result<PathBuf> {
    let context = || {
        format!(
            "the data directory {} cannot be used (data_dir, CLAWHOLD_DATA_DIR)",
            path.display()
        )
    };
    let existed = path.exists();
    std::fs::create_dir_all(path).with_context(context)?;
    if !existed {
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).with_context(context)?;
    }
    path.canonicalize().with_context(context)
}

/// What no sandbox may see, whatever the mount allowlist says.
fn installation(data_dir: &Path, config_files: Vec<PathBuf>, engine: Option<&str>) -> Vec<PathBuf> {
    let socket = engine
        .and_then(|engine| engine.strip_prefix("unix://"))
        .unwrap_or("/var/run/docker.sock");
    [data_dir.to_owned(), PathBuf::from(socket)]
        .into_iter()
        .chain(config_files)
        .collect()
}

/// The name is made once and kept: under another one, sandboxes left by an earlier life would be strangers.
fn install_id(data_dir: &Path, ids: &dyn IdSource) -> anyhow::Result<String> {
    let path = data_dir.join(INSTALL_ID);
    let context = || format!("{} cannot be used", path.display());
    if path.exists() {
        let id = std::fs::read_to_string(&path).with_context(context)?.trim().to_owned();
        anyhow::ensure!(
            !id.is_empty(),
            "{} is empty: put a name of up to {INSTALL_ID_LENGTH} letters and digits into it",
            path.display()
        );
        return Ok(id);
    }
    // The end of a UUIDv7 is its random part.
    let id = ids.uuid().simple().to_string().split_off(32 - INSTALL_ID_LENGTH);
    let fresh = path.with_extension("new");
    let mut file = std::fs::File::create(&fresh).with_context(context)?;
    file.write_all(id.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(context)?;
    std::fs::rename(&fresh, &path).with_context(context)?;
    Ok(id)
}

/// The first start registers `main`, so that there is somebody to talk to.
async fn register_main(store: &dyn Store, clock: &dyn Clock) -> anyhow::Result<()> {
    if !store.groups().await?.is_empty() {
        return Ok(());
    }
    let now = clock.now();
    let group = GroupId::parse("main").context("main is a valid name")?;
    let chat = store.see_chat(&cli::chat_seen(&group, now)).await?;
    let registration = Registration {
        group,
        name: "Main".to_owned(),
        is_main: true,
        settings: GroupSettings::default(),
        chats: vec![chat.id],
        move_chats: false,
    };
    registration::register(store, &registration, now).await?;
    Ok(())
}
