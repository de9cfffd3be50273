//! Retention: removes what is done and older than the days that are kept, in small bites between which others write.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::leadership::Leadership;
use crate::service::Deps;

/// Rows removed in one transaction: a few milliseconds of the writer's time.
const BATCH_ROWS: u32 = 500;
/// Transactions of one pass; what is left after that is for the next pass.
const BATCHES_MAX: u32 = 200;
/// Time between two transactions of one pass, left to those who have work.
const BETWEEN_BATCHES: Duration = Duration::from_millis(50);
/// Time from the start to the first pass: starting is busy enough.
const FIRST: Duration = Duration::from_secs(60);
/// Time between two passes.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Share of these times that is drawn at random.
const JITTER: f64 = 0.2;

/// Runs passes until the soft stop.
pub(crate) async fn run(
    deps: Deps,
    leadership: Leadership,
    keep: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let passes = async {
        let mut wait = FIRST;
        loop {
            tokio::time::sleep(wait.mul_f64(1.0 - JITTER * (deps.random)())).await;
            if !leadership.leads() {
                wait = FIRST;
                continue;
            }
            wait = match tick(&deps, keep).await {
                Ok(removed) if removed.more => FIRST,
                Ok(_) => INTERVAL,
                Err(error) => {
                    deps.metrics.passes_failed.inc();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "retention failed; trying again"
                    );
                    FIRST
                }
            };
        }
    };
    stop.run_until_cancelled(passes).await;
    Ok(())
}

/// One pass: at most [`BATCHES_MAX`] transactions.
pub(crate) async fn tick(deps: &Deps, keep: Duration) -> store::Result<store::Removed> {
    let mut total = store::Removed::default();
    for _ in 0..BATCHES_MAX {
        let removed = deps.store.remove_old(keep, BATCH_ROWS, deps.clock.now()).await?;
        deps.metrics.rows_removed.inc_by(removed.rows);
        total.rows += removed.rows;
        total.more = removed.more;
        if !removed.more {
            break;
        }
        tokio::time::sleep(BETWEEN_BATCHES).await;
    }
    if total.rows > 0 {
        tracing::info!(
            rows = total.rows,
            more = total.more,
            "removed what is older than the retention"
        );
    }
    Ok(total)
}
