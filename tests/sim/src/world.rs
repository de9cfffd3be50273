//! What all actors of a run share.

use std::rc::Rc;
use std::time::Duration;

use proto::lease::{LeaseTimings, Trust, decide_trust};
use proto::time::Monotonic;

use crate::exec::{Executor, HostClock};
use crate::fences::Fence;
use crate::history::History;
use crate::ids::CountedIds;
use crate::log::Log;
use crate::network::{Blobs, Bus, Database, Network};
use crate::plan::Plan;
use crate::platform::Platform;

/// The world of one run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) executor: Executor,
    pub(crate) network: Rc<Network>,
    pub(crate) database: Database,
    pub(crate) bus: Rc<Bus>,
    pub(crate) log: Rc<Log>,
    pub(crate) blobs: Rc<Blobs>,
    pub(crate) platform: Rc<Platform>,
    pub(crate) history: Rc<History>,
    pub(crate) ids: CountedIds,
    pub(crate) timings: LeaseTimings,
}

/// Clocks of machines may run this much apart from the truth; the lease's proof assumes no more.
const RATE_MAX: f64 = 0.1;

impl World {
    pub(crate) fn stands(&self, fence: Fence) -> bool {
        self.plan.stands(fence)
    }

    /// Whether anything is scheduled.
    pub(crate) fn has_tasks(&self) -> bool {
        self.plan.tasks > 0
    }

    /// Clocks of a new machine.
    pub(crate) fn draw_clock(&self) -> HostClock {
        let rate = self
            .executor
            .draw(|random| 1.0 + RATE_MAX * (2.0 * random.unit() - 1.0));
        HostClock {
            rate,
            wall_offset_ms: 0,
        }
    }

    /// How far a runner may trust itself, if that fence stands.
    pub(crate) fn trust_of_runner(&self, last_good_sent: Monotonic, now: Monotonic) -> Trust {
        if self.stands(Fence::TrustWindow) {
            decide_trust(&self.timings, last_good_sent, now)
        } else {
            Trust::Full
        }
    }

    /// How far the holder of a lease may trust itself, if that fence stands.
    pub(crate) fn trust_of_holder(&self, last_good_sent: Monotonic, now: Monotonic) -> Trust {
        if self.stands(Fence::LeaseTrust) {
            decide_trust(&self.timings, last_good_sent, now)
        } else {
            Trust::Full
        }
    }

    /// A span with a share of it drawn at random, so that loops do not run in step.
    pub(crate) fn about(&self, span: Duration) -> Duration {
        span.mul_f64(self.executor.draw(|random| 0.8 + 0.4 * random.unit()))
    }
}
