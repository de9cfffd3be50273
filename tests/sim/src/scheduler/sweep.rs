//! The sweep: wakes runners for groups that wait, whether or not the hint that should have done so arrived.

use std::rc::Rc;
use std::time::Duration;

use bus::Hint;

use super::Scheduler;

const INTERVAL: Duration = Duration::from_secs(1);

/// Runs passes for ever.
pub(super) async fn run(scheduler: Rc<Scheduler>) {
    let me = &scheduler.me;
    loop {
        if scheduler.leads()
            && let Ok(Some(_)) = scheduler.rows.oldest_waiting(me.now()).await
        {
            scheduler.world.bus.publish(me, Hint::Ready { runner: None });
        }
        me.sleep(scheduler.world.about(INTERVAL)).await;
    }
}
