//! A fleet: gateway, scheduler and runner as processes of their own, over one Postgres and one NATS.
//!
//! This is composition only: which adapter stands behind which port. A service that cannot reach its servers yet says so on
//! `/readyz` and in the log, and begins to work as soon as it can; nothing but a wrong setting ends it.

mod base;
mod blobs;
mod clocks;
mod gateway;
mod place;
mod runner;
mod scheduler;
mod servers;

use std::time::Duration;

use service::lifecycle::{Cause, Lifecycle};

use crate::config::Config;

/// The services of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Channels, webhooks, the indexer, delivery.
    Gateway,
    /// Reaper, retention, sweeps, tasks.
    Scheduler,
    /// Sandboxes.
    Runner,
}

/// Runs one service until it is told to stop.
///
/// # Errors
/// When something is wrong that waiting will not mend; says what and what to do.
pub(crate) async fn run(role: Role, config: Config, config_files: Vec<std::path::PathBuf>) -> anyhow::Result<bool> {
    let drain = Duration::from_millis(config.runner.drain_timeout_ms);
    let lifecycle = Lifecycle::new();
    let base = base::Base::open(config, lifecycle.clone()).await?;
    // Conditions are named one after the other: until all have been, none of this is an answer.
    let started = base.readiness.condition("start");
    // Kept until the end: the control socket goes with it.
    let mut _gateway = None;
    // Likewise: nobody else may take it while our sandboxes end.
    let mut _place = None;
    // Boxed: each is many times the size of what runs afterwards.
    match role {
        Role::Gateway => _gateway = Box::pin(gateway::start(base)).await?,
        Role::Scheduler => {
            Box::pin(scheduler::start(base)).await?;
        }
        Role::Runner => {
            _place = Box::pin(runner::start(base, config_files)).await?;
        }
    }
    started.ok();
    let outcome = lifecycle.finished(drain).await;
    if let cause @ (Cause::Signal(_) | Cause::Task { .. }) = &outcome.cause {
        crate::cli::say(&format!("clawhold: stopped: {cause}"));
    }
    if !outcome.cut_off.is_empty() {
        crate::cli::say(&format!(
            "clawhold: cut off at the deadline: {}",
            outcome.cut_off.join(", ")
        ));
    }
    Ok(outcome.is_intended())
}
