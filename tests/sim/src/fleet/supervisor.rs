//! Starts again what ended, sooner or later, as an init system does.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::Fleet;
use crate::exec::Process;

const LOOK: Duration = Duration::from_millis(250);

/// Supervises for ever.
pub(crate) async fn supervise(fleet: Rc<Fleet>, me: Process) {
    let mut start_at: BTreeMap<&str, Duration> = BTreeMap::new();
    loop {
        me.sleep(LOOK).await;
        for seat in &fleet.seats {
            if seat.instance().is_some_and(|instance| !instance.process().is_dead()) {
                continue;
            }
            let now = me.executor().now();
            let at = *start_at.entry(&seat.name).or_insert_with(|| now + draw_absence(&fleet));
            if now >= at {
                start_at.remove(seat.name.as_str());
                fleet.begin_life(seat);
            }
        }
    }
}

/// In place within seconds, or after a repair.
fn draw_absence(fleet: &Fleet) -> Duration {
    let stormy = fleet.world.executor.now() < fleet.world.plan.storm;
    fleet.world.executor.draw(|random| match random.below(4) {
        0 if stormy => random.millis(5_000, 40_000),
        _ => random.millis(100, 2_500),
    })
}
