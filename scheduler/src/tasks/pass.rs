//! One pass over the tasks that are due.

use bus::Hint;
use futures::{StreamExt, stream};
use proto::task::{FireReport, FireTask, Fired, Task, decide_firing};
use service::crash_point;

use super::Pass;
use crate::metrics::FiringResult;
use crate::service::Deps;

/// Tasks of one pass: what is due at the same minute is spread over few passes, and a pass ends soon enough to notice that
/// this scheduler leads no more.
const TASKS_PER_PASS: u32 = 256;
/// Transactions at a time: many tasks are due on the hour, and each waits for the disk.
const AT_ONCE: usize = 8;

/// Fires what is due now, at most [`TASKS_PER_PASS`] tasks.
///
/// # Errors
/// Those of the store: of the reads, or the first of the firings, after all others were tried.
pub(crate) async fn tick(deps: &Deps) -> store::Result<Pass> {
    let due = deps.store.due_tasks(deps.clock.now(), TASKS_PER_PASS).await?;
    let fired: Vec<store::Result<bool>> = stream::iter(due)
        .map(|task| fire(deps, task))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut dealt_with = 0;
    for fired in fired {
        dealt_with += usize::from(fired?);
    }
    Ok(Pass {
        dealt_with,
        next_due: deps.store.next_due_at().await?,
    })
}

/// Fires one task; `false` when somebody else had dealt with it.
pub(super) async fn fire(deps: &Deps, task: Task) -> store::Result<bool> {
    let now = deps.clock.now();
    let Some(due) = task.next_due else {
        return Ok(false);
    };
    let decision = decide_firing(&task.spec.due_at(due), now);
    let Some(fire) = FireTask::of(&task, decision).filter(|fire| fire.next_due != Some(due)) else {
        // The clock went back since it was read.
        return Ok(false);
    };
    match deps.store.fire_task(&fire, now).await? {
        Fired::Done(report) => {
            crash_point!("task.fired");
            note(deps, &task, &fire, &report);
            publish(deps, report);
            Ok(true)
        }
        Fired::Overtaken => {
            deps.metrics.firings(FiringResult::Overtaken, 1);
            Ok(false)
        }
    }
}

fn note(deps: &Deps, task: &Task, fire: &FireTask, report: &FireReport) {
    let now = deps.clock.now();
    for due in &report.admitted {
        deps.metrics.observe_lateness(now.since(*due));
        tracing::info!(task.id = %task.id, group.id = %report.group, task.due = %due, "task fired");
    }
    deps.metrics
        .firings(FiringResult::Admitted, report.admitted.len() as u64);
    deps.metrics.firings(FiringResult::Skipped, report.skipped.len() as u64);
    deps.metrics.firings(FiringResult::Missed, fire.missed);
    if fire.missed > 0 {
        tracing::warn!(task.id = %task.id, missed = fire.missed, "due instants of a task were missed");
    }
    if report.paused {
        tracing::warn!(task.id = %task.id, group.id = %report.group, "a task was paused: its chat is not its group's any more");
    }
}

/// Tells whom it concerns.
fn publish(deps: &Deps, report: FireReport) {
    if report.admitted.is_empty() {
        return;
    }
    deps.hints
        .publish(Hint::called(report.group, report.owner, report.last_runner));
}
