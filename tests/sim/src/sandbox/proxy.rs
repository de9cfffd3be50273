//! The proxy of one sandbox, in the process of its runner: the only way to the model.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proto::lease::{Trust, decide_trust};
use proto::time::Monotonic;

use super::Sandbox;
use crate::exec::{Life, Process};
use crate::fences::Fence;
use crate::history::Event;
use crate::world::World;

/// How far the runner may trust itself, by its clock, at any moment.
pub(crate) struct TrustOfRunner {
    pub(crate) last_good_sent: Cell<Monotonic>,
}

/// The proxy of one sandbox.
pub(crate) struct Proxy {
    runner: Process,
    trust: Rc<TrustOfRunner>,
    is_shut: Cell<bool>,
    is_closed: Cell<bool>,
    /// Counts shuttings: each aborts what is under way.
    shuttings: Cell<u64>,
}

/// The model cannot be reached any more.
pub(crate) struct NoWayOut;

/// Tries at one request before the agent gives up.
const TRIES: u32 = 20;

impl Proxy {
    pub(crate) fn new(runner: &Process, trust: &Rc<TrustOfRunner>) -> Rc<Self> {
        Rc::new(Self {
            runner: runner.clone(),
            trust: Rc::clone(trust),
            is_shut: Cell::default(),
            is_closed: Cell::default(),
            shuttings: Cell::default(),
        })
    }

    pub(crate) fn shut(&self) {
        self.is_shut.set(true);
        self.shuttings.set(self.shuttings.get() + 1);
    }

    pub(crate) fn reopen(&self) {
        self.is_shut.set(false);
    }

    pub(crate) fn close(&self) {
        self.shut();
        self.is_closed.set(true);
    }

    pub(crate) fn runner(&self) -> &Process {
        &self.runner
    }

    /// Whether its runner has no right to act by now, whatever it knows.
    pub(super) fn is_fenced(&self, world: &World) -> bool {
        let (sent, now) = (self.trust.last_good_sent.get(), self.runner.monotonic());
        decide_trust(&world.timings, sent, now) != Trust::Full
    }

    fn passes(&self, world: &World) -> bool {
        let by_clock = world.trust_of_runner(self.trust.last_good_sent.get(), self.runner.monotonic());
        let trusted = by_clock == Trust::Full || !world.stands(Fence::ProxyChecksTheClock);
        !self.is_shut.get() && trusted
    }
}

impl Sandbox {
    /// Has the model work for a while. What passes goes into the history: this is what acting means.
    pub(super) async fn think(&self, world: &World) -> Result<(), NoWayOut> {
        for _ in 0..TRIES {
            self.wait_for_runner().await?;
            if !self.proxy.passes(world) {
                self.process.sleep(Duration::from_secs(1)).await;
                continue;
            }
            let (from, shuttings) = (world.executor.now(), self.proxy.shuttings.get());
            self.process.sleep(world.executor.millis(50, 2_500)).await;
            self.wait_for_runner().await?;
            if self.proxy.shuttings.get() == shuttings && self.proxy.passes(world) {
                world.history.record(Event::Thought {
                    group: self.fence.group.clone(),
                    epoch: self.fence.epoch,
                    from,
                    fenced: self.proxy.is_fenced(world),
                });
                return Ok(());
            }
        }
        Err(NoWayOut)
    }

    /// A runner that stands still leaves the connection as it is; one that is gone has closed it.
    async fn wait_for_runner(&self) -> Result<(), NoWayOut> {
        loop {
            match self.proxy.runner.life() {
                _ if self.proxy.is_closed.get() => return Err(NoWayOut),
                Life::Dead => return Err(NoWayOut),
                Life::Running => return Ok(()),
                Life::Paused => self.process.sleep(Duration::from_millis(100)).await,
            }
        }
    }
}
