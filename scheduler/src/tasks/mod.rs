//! Tasks: fires what is due, when it is due.
//!
//! The leader sleeps until the next due instant and is woken when a task is added or changed. What is fired is decided by
//! [`proto::task::decide_firing`] and made true by one transaction per task; two leaders, a pause between the two, and a
//! clock that jumps can only waste work.

mod pass;

use std::time::Duration;

use bus::Interest;
use proto::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::leadership::Leadership;
use crate::service::Deps;

pub(crate) use pass::tick;

/// Longest sleep: how late a task may be whose hint was lost, or after the wall clock was set forward, or when this
/// scheduler has just become the leader. One look costs an index probe.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Wait after a pass that did nothing although something is due: another leader is at it.
const BETWEEN_VAIN_PASSES: Duration = Duration::from_millis(50);

/// Runs passes until the soft stop.
pub(crate) async fn run(deps: Deps, leadership: Leadership, stop: CancellationToken) -> anyhow::Result<()> {
    let mut changes = deps.hints.listen(Interest::Tasks);
    let passes = async {
        loop {
            let wait = if leadership.leads() {
                wait_after(&deps, tick(&deps).await)
            } else {
                SLEEP_MAX
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // Missed ones count as one.
                _ = changes.next() => {}
            }
        }
    };
    stop.run_until_cancelled(passes).await;
    Ok(())
}

fn wait_after(deps: &Deps, pass: store::Result<Pass>) -> Duration {
    match pass {
        Ok(pass) => pass.wait(deps.clock.now()),
        Err(error) => {
            deps.metrics.passes_failed.inc();
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "tasks could not be fired; trying again"
            );
            SLEEP_MAX
        }
    }
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Tasks that were dealt with.
    pub(crate) dealt_with: usize,
    /// When the next one is due.
    pub(crate) next_due: Option<Timestamp>,
}

impl Pass {
    fn wait(&self, now: Timestamp) -> Duration {
        match self.next_due {
            None => SLEEP_MAX,
            Some(due) if due > now => due.since(now).min(SLEEP_MAX),
            Some(_) if self.dealt_with == 0 => BETWEEN_VAIN_PASSES,
            Some(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
