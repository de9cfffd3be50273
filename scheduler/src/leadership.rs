//! Who of several schedulers acts: the holder of one lease, whose epoch is the term.
//!
//! Two that both believe to lead do no harm: what the leader does is compare-and-set on rows. Leadership saves work, and gives
//! the things that happen by the clock one place.

use std::sync::Arc;

use proto::lease::LeaseTimings;
use proto::lease::holding::LeaseName;
use proto::time::Clock;
use service::lifecycle::{Lifecycle, Policy};
use store::keeper::{Held, Keeper, Takeover};
use tokio::sync::watch;

use crate::service::Deps;

/// How this scheduler comes to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidacy {
    /// Name of this life of this instance; no other's.
    pub holder: String,
    /// Whether another one may be alive.
    pub takeover: Takeover,
}

/// Whether this scheduler leads now.
#[derive(Clone)]
pub(crate) struct Leadership {
    held: watch::Receiver<Option<Held>>,
    clock: Arc<dyn Clock>,
}

impl Leadership {
    /// Starts to stand for it, until the soft stop.
    pub(crate) fn seek(candidacy: Candidacy, timings: LeaseTimings, deps: &Deps, lifecycle: &Lifecycle) -> Self {
        let keeper = Keeper::new(
            Arc::clone(&deps.store),
            LeaseName::Scheduler,
            candidacy.holder,
            timings,
            Arc::clone(&deps.clock),
            deps.random,
            candidacy.takeover,
        );
        let leadership = Self {
            held: keeper.held(),
            clock: Arc::clone(&deps.clock),
        };
        let (stop, told) = (lifecycle.soft_stop(), tell(leadership.clone(), deps.clone()));
        lifecycle.spawn_support("scheduler leadership", Policy::Critical, async move {
            tokio::select! {
                () = keeper.run(stop.cancelled_owned()) => {}
                () = told => {}
            }
            Ok(())
        });
        leadership
    }

    /// Leads for ever; for tests.
    #[cfg(test)]
    pub(crate) fn certain(clock: Arc<dyn Clock>) -> Self {
        use std::time::Duration;

        let hold = proto::lease::holding::Hold {
            name: LeaseName::Scheduler,
            holder: "test".to_owned(),
            epoch: proto::ids::Epoch(1),
        };
        let far = LeaseTimings {
            trust: Duration::MAX,
            kill: Duration::MAX,
            ..LeaseTimings::FAST
        };
        let held = Held::new(hold, clock.monotonic(), far);
        Self {
            held: watch::Sender::new(Some(held)).subscribe(),
            clock,
        }
    }

    /// Whether it may act as the leader now.
    pub(crate) fn leads(&self) -> bool {
        let now = self.clock.monotonic();
        self.held.borrow().as_ref().is_some_and(|held| held.is_trusted(now))
    }
}

/// Says when it changes.
async fn tell(mut leadership: Leadership, deps: Deps) {
    let mut led = false;
    loop {
        let held = leadership.held.borrow_and_update().clone();
        match held {
            Some(held) if !led => tracing::info!(lease.term = %held.hold.epoch, "this scheduler leads"),
            None if led => tracing::warn!("this scheduler leads no more"),
            _ => {}
        }
        led = leadership.held.borrow().is_some();
        deps.metrics.set_leads(led);
        if leadership.held.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
