//! The sweep: wakes runners for groups that wait, whether or not the hint that should have done so arrived.
//!
//! Hints may be lost, and a group may become ready by the mere passing of time (back-off); so the rows are looked at
//! once a second. A hint too many costs a runner one query.

use std::time::Duration;

use bus::Hint;
use service::readiness::Condition;
use tokio_util::sync::CancellationToken;

use crate::leadership::Leadership;
use crate::service::Deps;

/// Longest time a missed hint, or the end of a back-off, stays unnoticed.
const INTERVAL: Duration = Duration::from_secs(1);
/// Share of the interval that is drawn at random, so that several schedulers do not ask together.
const JITTER: f64 = 0.2;

/// Runs passes until the soft stop.
pub(crate) async fn run(
    deps: Deps,
    leadership: Leadership,
    condition: Condition,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let sweep = async {
        // Only changes are told: an outage lasts many passes.
        let mut failing = false;
        loop {
            match tick(&deps, leadership.leads()).await {
                Ok(()) => {
                    if failing {
                        tracing::info!("sweep works again");
                    }
                    failing = false;
                    condition.ok();
                }
                Err(error) => {
                    deps.metrics.passes_failed.inc();
                    if !failing {
                        tracing::warn!(error = &error as &dyn std::error::Error, "sweep failed; trying again");
                    }
                    failing = true;
                    condition.degraded("the store cannot be read");
                }
            }
            tokio::time::sleep(INTERVAL.mul_f64(1.0 - JITTER * (deps.random)())).await;
        }
    };
    stop.run_until_cancelled(sweep).await;
    Ok(())
}

/// One pass. Who does not lead only learns whether the store answers.
pub(crate) async fn tick(deps: &Deps, leads: bool) -> store::Result<()> {
    if !leads {
        deps.metrics.set_longest_wait(Duration::ZERO);
        return deps.store.check().await;
    }
    let now = deps.clock.now();
    let waiting = deps.store.oldest_waiting(now).await?;
    deps.metrics.set_longest_wait(
        waiting
            .as_ref()
            .map_or(Duration::ZERO, |group| now.since(group.ready_at)),
    );
    if waiting.is_some() {
        deps.hints.publish(Hint::Ready { runner: None });
    }
    Ok(())
}
