//! An operator who changes tasks at any time, by a clock of their own, as the command line and the agents' tools do.

use std::rc::Rc;

use bus::Hint;
use chrono_tz::Tz;
use proto::task::{Task, TaskId, TaskSpec, TaskState};

use super::Kind;
use crate::exec::Process;
use crate::network::Rows;
use crate::world::World;

/// Tries at a change that others overtake, or whose outcome is unknown.
const TRIES: u32 = 5;

/// Changes tasks for as long as the storm lasts.
pub(crate) async fn change_tasks(world: Rc<World>, me: Process) {
    let rows = world.database.rows_for(&me);
    let ids = super::names(&world);
    let (Some(edited), Some(handled)) = (name(&ids, Kind::Edited), name(&ids, Kind::Handled)) else {
        return;
    };
    while me.executor().now() < world.plan.storm {
        me.sleep(me.executor().millis(2_000, 15_000)).await;
        match me.executor().draw(|random| random.below(4)) {
            0 => drop(rows.run_task_now(handled, me.now()).await),
            1 => {
                change(&rows, &me, handled, |task| match task.state {
                    TaskState::Active | TaskState::Done => task.paused(),
                    TaskState::Paused => task.resumed(me.now()),
                })
                .await
            }
            _ => change(&rows, &me, edited, |task| move_zone(task, &me)).await,
        }
        world.bus.publish(&me, Hint::Tasks);
    }
    // Left as it should be, so that there is something to see in the end.
    change(&rows, &me, handled, |task| task.resumed(me.now())).await;
}

fn name(ids: &[TaskId], kind: Kind) -> Option<&TaskId> {
    ids.iter().find(|id| Kind::of(id) == Some(kind))
}

/// Zones that differ by whole hours: a line for every minute is due at the same instants in each.
fn move_zone(task: &Task, me: &Process) -> Task {
    let zone = match task.spec.zone {
        Tz::UTC => Tz::Europe__Berlin,
        _ => Tz::UTC,
    };
    let spec = TaskSpec {
        zone,
        ..task.spec.clone()
    };
    task.with_spec(spec, me.now()).unwrap_or_else(|_| task.clone())
}

async fn change(rows: &Rows, me: &Process, id: &TaskId, decide: impl Fn(&Task) -> Task) {
    for _ in 0..TRIES {
        if let Ok(Some(task)) = rows.task(id).await
            && let Ok(Some(_)) = rows.put_task(&decide(&task), me.now()).await
        {
            return;
        }
        me.sleep(me.executor().millis(100, 1_000)).await;
    }
}
