//! The scheduler's metrics.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service::metrics::registered;

/// What the scheduler counts; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) groups_freed: Counter,
    pub(crate) rows_removed: Counter,
    pub(crate) passes_failed: Counter,
    longest_wait: Gauge<f64, AtomicU64>,
    leader: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| registered(registry, name, help, Counter::default());
        Self {
            groups_freed: counter(
                "clawhold_groups_freed",
                "Groups freed because their runner was declared dead",
            ),
            rows_removed: counter(
                "clawhold_rows_removed",
                "Rows removed because they were older than the retention",
            ),
            passes_failed: counter(
                "clawhold_scheduler_passes_failed",
                "Passes of the scheduler that the store refused",
            ),
            longest_wait: registered(
                registry,
                "clawhold_longest_wait_seconds",
                "Time the group at the head of the queue has waited for a runner; 0 when none waits",
                Gauge::default(),
            ),
            leader: registered(
                registry,
                "clawhold_leader",
                "Whether this scheduler leads",
                Gauge::default(),
            ),
        }
    }

    /// Notes whether this scheduler leads.
    pub(crate) fn set_leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Notes how long the group that waits longest has waited.
    pub(crate) fn set_longest_wait(&self, wait: Duration) {
        self.longest_wait.set(wait.as_secs_f64());
    }
}
