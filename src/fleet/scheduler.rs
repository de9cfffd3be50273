//! `clawhold scheduler`.

use std::sync::Arc;

use bus::nats::Scope;
use store::keeper::Takeover;

use super::base::Base;
use super::{blobs, servers};

/// Starts it; says whether it did before it was told to stop.
pub(super) async fn start(mut base: Base) -> anyhow::Result<bool> {
    let front = base.front().await?;
    let bus = servers::broker(&base, Scope::Hints)?;
    let blobs = blobs::open(&base).await?;
    let Some(store) = servers::database(&base).await? else {
        return Ok(false);
    };
    front.close().await;
    let deps = ::scheduler::Deps {
        store,
        hints: bus.hints(),
        blobs: Some(blobs),
        clock: Arc::clone(&base.clock),
        random: service::random::fraction,
        readiness: base.readiness.clone(),
        metrics: ::scheduler::Metrics::register(&mut base.registry),
    };
    let config = ::scheduler::Config {
        retention: base.config.retention.clone(),
        lease: base.config.runner.lease.timings(),
        candidacy: ::scheduler::Candidacy {
            holder: base.holder(&crate::config::host_name()),
            takeover: Takeover::Observe,
        },
    };
    ::scheduler::start(config, deps, &base.lifecycle);
    base.serve_health().await?;
    Ok(true)
}
