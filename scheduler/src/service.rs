//! The scheduler as a service: what it needs, and how it starts.

use std::sync::Arc;

use blobs::BlobStore;
use bus::Hints;
use proto::lease::LeaseTimings;
use proto::time::Clock;
use service::lifecycle::Lifecycle;
use service::random::Random;
use service::readiness::Readiness;
use store::Store;

use crate::config::Retention;
use crate::leadership::{Candidacy, Leadership};
use crate::metrics::Metrics;
use crate::{attachments, orphans, reaper, retention, sweep, tasks};

/// Settings of the scheduler.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a silent runner is dead; the same for all services of an installation.
    pub lease: LeaseTimings,
    /// Section `retention`.
    pub retention: Retention,
    /// How this scheduler comes to lead.
    pub candidacy: Candidacy,
}

/// What the scheduler is given.
#[derive(Clone)]
pub struct Deps {
    /// The shared rows.
    pub store: Arc<dyn Store>,
    /// The bus.
    pub hints: Arc<dyn Hints>,
    /// Files of groups, where they are not on this machine alone.
    pub blobs: Option<Arc<dyn BlobStore>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub random: Random,
    /// Where to say whether the rows can be read.
    pub readiness: Readiness,
    /// What [`Metrics::register`] gave.
    pub metrics: Metrics,
}

/// Starts the loops; they run until the soft stop. Nothing here can fail: a store that cannot be reached makes the
/// scheduler not ready, and is tried again.
pub fn start(config: Config, deps: Deps, lifecycle: &Lifecycle) {
    let leadership = Leadership::seek(config.candidacy, config.lease, &deps, lifecycle);
    let condition = deps.readiness.condition("scheduler");
    let (loop_deps, leader, stop) = (deps.clone(), leadership.clone(), lifecycle.soft_stop());
    lifecycle.spawn_restarting("scheduler sweep", move || {
        sweep::run(loop_deps.clone(), leader.clone(), condition.clone(), stop.clone())
    });
    let (loop_deps, leader, stop, timings) = (deps.clone(), leadership.clone(), lifecycle.soft_stop(), config.lease);
    lifecycle.spawn_restarting("scheduler reaper", move || {
        reaper::run(loop_deps.clone(), leader.clone(), timings, stop.clone())
    });
    let (loop_deps, leader, stop) = (deps.clone(), leadership.clone(), lifecycle.soft_stop());
    lifecycle.spawn_restarting("scheduler tasks", move || {
        tasks::run(loop_deps.clone(), leader.clone(), stop.clone())
    });
    let (loop_deps, leader, stop) = (deps.clone(), leadership.clone(), lifecycle.soft_stop());
    lifecycle.spawn_restarting("scheduler orphans", move || {
        orphans::run(loop_deps.clone(), leader.clone(), stop.clone())
    });
    let (loop_deps, leader, stop) = (deps.clone(), leadership.clone(), lifecycle.soft_stop());
    let keep = config.retention.keep();
    lifecycle.spawn_restarting("scheduler attachments", move || {
        attachments::run(loop_deps.clone(), leader.clone(), keep, stop.clone())
    });
    let stop = lifecycle.soft_stop();
    lifecycle.spawn_restarting("scheduler retention", move || {
        retention::run(deps.clone(), leadership.clone(), keep, stop.clone())
    });
}
