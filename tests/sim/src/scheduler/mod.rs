//! The scheduler's shells: leadership, the reaper, tasks, the sweep.

mod reaper;
mod sweep;
mod tasks;

use std::rc::Rc;

use proto::lease::holding::LeaseName;

use crate::exec::Process;
use crate::holder::Holder;
use crate::network::Rows;
use crate::world::World;

/// One life of a scheduler.
pub(crate) struct Scheduler {
    pub(crate) world: Rc<World>,
    pub(crate) me: Process,
    pub(crate) rows: Rows,
    leadership: Rc<Holder>,
    /// Acts as if it led, whoever leads: two leaders may only waste work.
    usurper: bool,
}

impl Scheduler {
    pub(crate) fn start(world: &Rc<World>, me: &Process, usurper: bool) -> Rc<Self> {
        let scheduler = Rc::new(Self {
            world: Rc::clone(world),
            me: me.clone(),
            rows: world.database.rows_for(me),
            leadership: Holder::new(world, me, LeaseName::Scheduler),
            usurper,
        });
        me.spawn(Rc::clone(&scheduler.leadership).run());
        me.spawn(reaper::run(Rc::clone(&scheduler)));
        me.spawn(sweep::run(Rc::clone(&scheduler)));
        if world.has_tasks() {
            me.spawn(tasks::run(Rc::clone(&scheduler)));
        }
        scheduler
    }

    pub(crate) fn leads(&self) -> bool {
        self.usurper || self.leadership.trusts_now()
    }

    pub(crate) async fn drain(self: Rc<Self>) {
        self.leadership.give_up().await;
        self.me.kill();
    }
}
