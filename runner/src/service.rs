//! The runner as a service: what it needs, and how it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::service::lifecycle::{Lifecycle, Policy};
use ::service::random::Random;
use ::service::readiness::{Condition, Readiness};
use anyhow::Context;
use blobs::BlobStore;
use bus::Hints;
use chrono_tz::Tz;
use proto::ids::{IdSource, Incarnation, RunnerId};
use proto::lease::decide_trust;
use proto::time::{Clock, Monotonic};
use store::Store;
use tokio::sync::watch;

use crate::config::{Model, Runner, Sandbox};
use crate::engine::{Engine, RuntimeState, Settings, copies, dispatch, lease, runtime_watch};
use crate::mailbox::{RunDirs, Watcher};
use crate::metrics::Metrics;
use crate::mounts;
use crate::proxy::Proxies;
use crate::sandbox::SandboxRuntime;
use crate::snapshot::{self, Quota, Snapshots};
use crate::workspace::{Folders, Owner, Skill, effective_uid};

/// What is known of local copies of snapshots, below the data directory.
const SNAPSHOTS: &str = "snapshots";

/// Wait before a runner that could not be registered is registered again.
const REGISTER_AGAIN: Duration = Duration::from_millis(500);

/// What the runner is given.
pub struct Deps {
    /// The shared rows.
    pub store: Arc<dyn Store>,
    /// The bus.
    pub hints: Arc<dyn Hints>,
    /// What starts sandboxes.
    pub runtime: Arc<dyn SandboxRuntime>,
    /// Where the files of groups are kept for other runners too; none: they are on this machine alone.
    pub blobs: Option<Arc<dyn BlobStore>>,
    /// Where the files of messages lie; the gateway's are the same.
    pub files: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
    /// Jitter.
    pub random: Random,
    /// Where to say whether sandboxes can be started.
    pub readiness: Readiness,
    /// What [`Metrics::register`] gave.
    pub metrics: Metrics,
}

/// Settings of the runner, from several sections of the configuration.
pub struct Config {
    /// Name of this installation, in the labels of its sandboxes.
    pub install: String,
    /// Directory of workspaces and runs.
    pub data_dir: PathBuf,
    /// What no group may mount: data directory, configuration, engine socket.
    pub installation: Vec<PathBuf>,
    /// Most that a group may keep in the store of files, in MiB.
    pub group_quota_mb: u64,
    /// The assistant's name.
    pub assistant_name: String,
    /// Zone of the times shown to the agent.
    pub timezone: Tz,
    /// Section `runner`.
    pub runner: Runner,
    /// Section `sandbox`.
    pub sandbox: Sandbox,
    /// Section `model`.
    pub model: Model,
}

/// Registers this life of the runner, however long the store is away, and starts its loops.
///
/// # Errors
/// When the store refuses, or the credentials or directories cannot be used.
pub async fn start(config: Config, deps: Deps, lifecycle: &Lifecycle) -> anyhow::Result<()> {
    let proxies = Proxies::new(
        &config.model,
        &config.data_dir,
        Arc::clone(&deps.clock),
        deps.metrics.proxy.clone(),
    )?;
    let owner = Owner::new(effective_uid(config.sandbox.uid));
    let folders = Folders::open(&config.data_dir, owner).context("the groups' directories cannot be made")?;
    let mut skills = Skill::bundled();
    skills.extend(Skill::read_all(&folders.skills()).context("the skills below the data directory cannot be read")?);
    let run_dirs = RunDirs::open(&config.data_dir, owner.uid()).context("the runs' directory cannot be made")?;
    let runner = RunnerId::new(config.runner.name.clone());
    let timings = config.runner.lease.timings();
    let sandboxes = deps.readiness.condition("sandboxes");
    let leased = deps.readiness.condition("lease");
    let Some((incarnation, registered)) = register(&runner, config.runner.slots, &deps, &leased, lifecycle).await?
    else {
        return Ok(());
    };
    let snapshots = deps.blobs.as_ref().map(|blobs| {
        Snapshots::open(snapshot::Deps {
            blobs: Arc::clone(blobs),
            state_dir: config.data_dir.join(SNAPSHOTS),
            quota: Quota::of_mb(config.group_quota_mb),
            owner,
            metrics: deps.metrics.snapshots.clone(),
            clock: Arc::clone(&deps.clock),
            ids: Arc::clone(&deps.ids),
        })
    });
    let snapshots = snapshots
        .transpose()
        .context("the directory of the snapshots cannot be made")?;
    let trust = decide_trust(&timings, registered, deps.clock.monotonic());
    let engine = Arc::new(Engine {
        store: deps.store,
        hints: deps.hints,
        runtime: deps.runtime,
        clock: deps.clock,
        ids: deps.ids,
        random: deps.random,
        lifecycle: lifecycle.clone(),
        metrics: deps.metrics,
        proxies,
        run_dirs: Arc::new(run_dirs),
        watcher: Watcher::new(),
        skills,
        mounts: mounts::Policy {
            allowlist: config.runner.mount_allowlist.clone(),
            home: std::env::home_dir(),
            installation: config.installation,
            shadows: folders.shadows(),
        },
        folders,
        files: deps.files,
        snapshots: snapshots.map(Arc::new),
        slots: Default::default(),
        accounts: Default::default(),
        trust: watch::Sender::new(trust),
        runtime_state: watch::Sender::new(RuntimeState::Settling),
        settings: Settings {
            runner,
            incarnation,
            install: config.install,
            assistant_name: config.assistant_name,
            timezone: config.timezone,
            config: config.runner,
            sandbox: config.sandbox,
            model: config.model,
        },
    });
    lifecycle.spawn_support(
        "runner lease",
        Policy::Critical,
        lease::run(Arc::clone(&engine), timings, leased, registered),
    );
    lifecycle.spawn_support(
        "runner runtime watch",
        Policy::Critical,
        runtime_watch::run(Arc::clone(&engine), sandboxes),
    );
    if let Some(snapshots) = engine.snapshots.clone() {
        let copies = copies::run(Arc::clone(&engine), snapshots);
        lifecycle.spawn_support("old copies of files", Policy::BestEffort, copies);
    }
    lifecycle.spawn("runner dispatch", Policy::Critical, dispatch::run(engine));
    Ok(())
}

/// Begins this life, and says when that was sent: the lease counts from there. `None` when told to stop first. A life more than
/// needed, after a lost answer, fences nobody but itself.
async fn register(
    runner: &RunnerId,
    slots: u32,
    deps: &Deps,
    leased: &Condition,
    lifecycle: &Lifecycle,
) -> store::Result<Option<(Incarnation, Monotonic)>> {
    let stop = lifecycle.soft_stop();
    loop {
        let sent = deps.clock.monotonic();
        let error = match deps.store.register_runner(runner, slots, deps.clock.now()).await {
            Ok(incarnation) => return Ok(Some((incarnation, sent))),
            Err(error @ store::Error::Unavailable(_)) => error,
            Err(error) => return Err(error),
        };
        leased.degraded("this runner cannot be registered: the store is unavailable");
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the runner could not be registered; trying again"
        );
        if stop
            .run_until_cancelled(tokio::time::sleep(REGISTER_AGAIN))
            .await
            .is_none()
        {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use ::service::ids::RandomIds;
    use blobs::directory::DirectoryStore;
    use bus::local::LocalHints;
    use prometheus_client::registry::Registry;
    use proto::time::{ManualClock, Timestamp};
    use store::memory::MemoryStore;
    use store::outage::{Manners, Outage};

    use super::*;
    use crate::sandbox::memory::{MemoryEngine, MemoryRuntime};

    #[tokio::test]
    async fn the_lease_counts_from_before_the_registration() {
        let outage = Arc::new(Outage::around(Arc::new(MemoryStore::new())));
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let deps = Deps {
            store: Arc::clone(&outage) as Arc<dyn Store>,
            hints: Arc::new(LocalHints::new()),
            runtime: Arc::new(MemoryRuntime::new(MemoryEngine::new(), "test")),
            blobs: None,
            files: Arc::new(DirectoryStore::new(PathBuf::new())),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(RandomIds),
            random: || 0.5,
            readiness: Readiness::new(),
            metrics: Metrics::register(&mut Registry::default()),
        };
        let (leased, lifecycle) = (deps.readiness.condition("lease"), Lifecycle::new());
        let runner = RunnerId::new("here");
        let before = clock.monotonic();
        outage.set(Manners::IsSilent);
        let slow = async {
            clock.advance(Duration::from_secs(20));
            outage.set(Manners::Answers);
        };
        let (registered, ()) = tokio::join!(register(&runner, 1, &deps, &leased, &lifecycle), slow);
        assert_eq!(registered.unwrap().unwrap().1, before);
    }
}
