//! `clawhold gateway`.

use std::sync::Arc;

use bus::nats::Scope;
use gateway::delivery::account::Candidacy;
use gateway::indexer::{Indexer, IndexerDeps, IndexerMetrics};
use service::lifecycle::Policy;
use store::keeper::Takeover;

use super::base::Base;
use super::{blobs, servers};
use crate::{first_group, node_files};

/// Starts it; `None` when it was told to stop before it could.
pub(super) async fn start(mut base: Base) -> anyhow::Result<Option<::gateway::Running>> {
    let front = base.front().await?;
    let bus = servers::broker(&base, Scope::Stream)?;
    let blobs = blobs::open(&base).await?;
    let Some(store) = servers::database(&base).await? else {
        return Ok(None);
    };
    let config = base.config.clone();
    let register = async || first_group::register(&*store, &*base.clock, &config.gateway.name).await;
    let Some(()) = servers::until_reached(&base.lifecycle, base.readiness.condition("postgres"), register).await else {
        return Ok(None);
    };
    front.close().await;
    let metrics = ::gateway::Metrics::register(&mut base.registry);
    let indexer = IndexerDeps {
        store: Arc::clone(&store),
        log: bus.log(),
        hints: bus.hints(),
        clock: Arc::clone(&base.clock),
        random: service::random::fraction,
        metrics: IndexerMetrics::register(&mut base.registry),
    };
    let deps = ::gateway::Deps {
        store,
        ingress: bus.ingress(),
        hints: bus.hints(),
        blobs,
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        random: service::random::fraction,
        readiness: base.readiness.clone(),
        metrics,
        health: service::http::router(base.readiness.clone(), Arc::new(std::mem::take(&mut base.registry))),
        version: env!("CARGO_PKG_VERSION"),
    };
    let config = ::gateway::Config {
        candidacy: Candidacy {
            holder: base.holder(&config.gateway.name),
            timings: config.runner.lease.timings(),
            takeover: Takeover::Observe,
        },
        name: config.gateway.name,
        assistant_name: config.assistant_name,
        timezone: config.timezone.tz(),
        data_dir: node_files::make_data_dir(&config.data_dir)?,
        http: config.http,
        channels: config.channels,
        security: config.security,
    };
    let running = ::gateway::start(config, deps, &base.lifecycle).await?;
    // A part: messages are taken without it, and lie in the log. A balancer that asks must not take every gateway out.
    let indexing = base.readiness.part("indexer".to_owned());
    let stop = base.lifecycle.hard_stop();
    base.lifecycle.spawn_support("indexer", Policy::Critical, async move {
        Indexer::new(indexer).run(indexing, stop).await;
        Ok(())
    });
    Ok(Some(running))
}
