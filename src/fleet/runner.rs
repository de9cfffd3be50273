//! `clawhold runner`.

use std::path::PathBuf;
use std::sync::Arc;

use bus::nats::Scope;

use super::base::Base;
use super::{blobs, servers};
use crate::{node_files, runtime};

/// Where runners that share a data directory keep apart.
const RUNNERS: &str = "runners";

/// Starts it; says whether it did before it was told to stop.
pub(super) async fn start(mut base: Base, config_files: Vec<PathBuf>) -> anyhow::Result<bool> {
    let front = base.front().await?;
    let bus = servers::broker(&base, Scope::Hints)?;
    let Some(blobs) = blobs::open(&base).await? else {
        return Ok(false);
    };
    let config = base.config.clone();
    let data_dir = config.data_dir.join(RUNNERS).join(&config.runner.name);
    let data_dir = node_files::make_data_dir(&data_dir)?;
    let Some(store) = servers::database(&base).await? else {
        return Ok(false);
    };
    front.close().await;
    let install = config.nats.prefix;
    let deps = ::runner::Deps {
        store,
        hints: bus.hints(),
        runtime: runtime::open(&config.sandbox, &install, &data_dir)?,
        blobs: Some(Arc::clone(&blobs)),
        files: blobs,
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        random: service::random::fraction,
        readiness: base.readiness.clone(),
        metrics: ::runner::Metrics::register(&mut base.registry),
    };
    let config = ::runner::Config {
        installation: node_files::installation(&config.data_dir, config_files, config.sandbox.engine.as_deref()),
        install,
        data_dir,
        group_quota_mb: config.blobs.group_quota_mb,
        assistant_name: config.assistant_name,
        timezone: config.timezone.tz(),
        runner: config.runner,
        sandbox: config.sandbox,
        model: config.model,
    };
    ::runner::start(config, deps, &base.lifecycle).await?;
    base.serve_health().await?;
    Ok(true)
}
