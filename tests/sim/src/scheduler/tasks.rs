//! Tasks: fires what is due, when it is due, as the scheduler does; what is fired is decided by [`proto::task::decide_firing`].

use std::rc::Rc;
use std::time::Duration;

use bus::{Hint, Interest};
use futures::{StreamExt, stream};
use proto::task::{FireReport, FireTask, Fired, Task, decide_firing};
use proto::time::Timestamp;

use super::Scheduler;

const SLEEP_MAX: Duration = Duration::from_secs(1);
const BETWEEN_VAIN_PASSES: Duration = Duration::from_millis(50);
const TASKS_PER_PASS: u32 = 256;
const AT_ONCE: usize = 8;

/// Runs passes for ever.
pub(super) async fn run(scheduler: Rc<Scheduler>) {
    let changes = scheduler.world.bus.listen(&scheduler.me, Interest::Tasks);
    loop {
        let wait = match scheduler.leads() {
            true => tick(&scheduler).await.unwrap_or(SLEEP_MAX),
            false => SLEEP_MAX,
        };
        tokio::select! {
            biased;
            _ = changes.next() => {}
            () = scheduler.me.sleep(wait) => {}
        }
    }
}

/// One pass; says how long to wait for the next.
async fn tick(scheduler: &Scheduler) -> store::Result<Duration> {
    let due = scheduler.rows.due_tasks(scheduler.me.now(), TASKS_PER_PASS).await?;
    let fired: Vec<store::Result<bool>> = stream::iter(due)
        .map(|task| fire(scheduler, task))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut dealt_with = 0;
    for fired in fired {
        dealt_with += usize::from(fired?);
    }
    let next_due = scheduler.rows.next_due_at().await?;
    Ok(wait(dealt_with, next_due, scheduler.me.now()))
}

fn wait(dealt_with: usize, next_due: Option<Timestamp>, now: Timestamp) -> Duration {
    match next_due {
        None => SLEEP_MAX,
        Some(due) if due > now => due.since(now).min(SLEEP_MAX),
        Some(_) if dealt_with == 0 => BETWEEN_VAIN_PASSES,
        Some(_) => Duration::ZERO,
    }
}

/// Fires one task; `false` when somebody else had dealt with it.
async fn fire(scheduler: &Scheduler, task: Task) -> store::Result<bool> {
    let now = scheduler.me.now();
    let Some(due) = task.next_due else {
        return Ok(false);
    };
    let decision = decide_firing(&task.spec.due_at(due), now);
    let Some(fire) = FireTask::of(&task, decision).filter(|fire| fire.next_due != Some(due)) else {
        // The clock went back since it was read.
        return Ok(false);
    };
    match scheduler.rows.fire_task(&fire, now).await? {
        Fired::Done(report) => {
            let seat = scheduler.me.seat();
            scheduler.world.history.note(
                Some(&report.group),
                format_args!("{seat}: {} is fired for {:?}", task.id, report.admitted),
            );
            publish(scheduler, report);
            Ok(true)
        }
        Fired::Overtaken => Ok(false),
    }
}

fn publish(scheduler: &Scheduler, report: FireReport) {
    if report.admitted.is_empty() {
        return;
    }
    let hint = Hint::called(report.group, report.owner, report.last_runner);
    scheduler.world.bus.publish(&scheduler.me, hint);
}
