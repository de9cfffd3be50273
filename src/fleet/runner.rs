//! `clawhold runner`.

use std::path::PathBuf;
use std::sync::Arc;

use bus::nats::Scope;

use super::base::Base;
use super::place::Place;
use super::{blobs, servers};
use crate::{node_files, runtime};

/// Starts it; `None` when it was told to stop before it could.
pub(super) async fn start(mut base: Base, config_files: Vec<PathBuf>) -> anyhow::Result<Option<Place>> {
    let front = base.front().await?;
    let bus = servers::broker(&base, Scope::Hints)?;
    let blobs = blobs::open(&base).await?;
    let config = base.config.clone();
    let is_hosts_name = config.runner.name == crate::config::host_name();
    let place = Place::take(&config.data_dir, &config.runner.name, is_hosts_name)?;
    let data_dir = place.directory.clone();
    let Some(store) = servers::database(&base).await? else {
        return Ok(None);
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
        runner: ::runner::config::Runner {
            name: place.name.clone(),
            ..config.runner
        },
        sandbox: config.sandbox,
        model: config.model,
    };
    ::runner::start(config, deps, &base.lifecycle).await?;
    base.serve_health().await?;
    Ok(Some(place))
}
