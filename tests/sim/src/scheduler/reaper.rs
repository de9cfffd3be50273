//! The reaper: declares runners dead whose heartbeat stands still, so that others take over their groups.

use std::collections::BTreeMap;
use std::rc::Rc;

use bus::Hint;
use proto::ids::RunnerId;
use proto::lease::watch::{Reading, Watch};
use proto::time::Timestamp;
use store::RunnerRow;

use super::Scheduler;
use crate::fences::Fence;

const PASSES_PER_HEARTBEAT: u32 = 3;

/// Runs passes for ever. Who does not lead watches as well, so that a new leader need not begin to count.
pub(super) async fn run(scheduler: Rc<Scheduler>) {
    let timings = scheduler.world.timings;
    let mut watch = Watch::new(timings);
    let mut by_wall_clock = BTreeMap::new();
    loop {
        if pass(&scheduler, &mut watch, &mut by_wall_clock).await.is_err() {
            // Nobody could have moved a heartbeat while the store was away.
            watch.forget();
        }
        scheduler.me.sleep(timings.heartbeat / PASSES_PER_HEARTBEAT).await;
    }
}

/// When the counter of a runner was seen to change for the last time, by the wall clock.
type SeenByWallClock = BTreeMap<RunnerId, (i64, Timestamp)>;

async fn pass(scheduler: &Scheduler, watch: &mut Watch, by_wall_clock: &mut SeenByWallClock) -> store::Result<()> {
    let asked = scheduler.me.monotonic();
    let rows = scheduler.rows.runners().await?;
    let answered = scheduler.me.monotonic();
    let living: Vec<_> = rows.iter().filter(|row| !row.dead).collect();
    let readings = living.iter().map(|row| Reading {
        runner: row.runner.clone(),
        incarnation: row.incarnation,
        heartbeat: row.heartbeat,
    });
    let silent = match scheduler.world.stands(Fence::OwnClock) {
        true => watch.read(readings, asked, answered),
        false => silent_by_wall_clock(scheduler, &living, by_wall_clock),
    };
    if !scheduler.leads() {
        return Ok(());
    }
    for row in living.into_iter().filter(|row| silent.contains(&row.runner)) {
        let freed = scheduler.rows.declare_dead(row, scheduler.me.now()).await?;
        let seat = scheduler.me.seat();
        scheduler.world.history.note(
            None,
            format_args!("{seat}: {} is dead, {} groups are free", row.runner, freed.len()),
        );
        if !freed.is_empty() {
            scheduler.world.bus.publish(&scheduler.me, Hint::Ready { runner: None });
        }
    }
    Ok(())
}

/// With the fence down: the wall clock says how long a runner was silent.
fn silent_by_wall_clock(scheduler: &Scheduler, rows: &[&RunnerRow], seen: &mut SeenByWallClock) -> Vec<RunnerId> {
    let now = scheduler.me.now();
    let mut silent = Vec::new();
    for row in rows {
        let entry = seen.entry(row.runner.clone()).or_insert((row.heartbeat, now));
        if entry.0 != row.heartbeat {
            *entry = (row.heartbeat, now);
        }
        if now.since(entry.1) >= scheduler.world.timings.dead {
            silent.push(row.runner.clone());
        }
    }
    silent
}
