//! The scheduler's metrics.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
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
    lateness: Histogram,
    firings: Family<FiringLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FiringLabels {
    result: FiringResult,
}

/// What became of a due instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FiringResult {
    /// It became work.
    Admitted,
    /// The overlap policy left it out.
    Skipped,
    /// Nobody fired it in time, and the misfire policy passes over it.
    Missed,
    /// Somebody else dealt with it.
    Overtaken,
}

impl EncodeLabelValue for FiringResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let word = match self {
            Self::Admitted => "admitted",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Overtaken => "overtaken",
        };
        EncodeLabelValue::encode(&word, encoder)
    }
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
            lateness: registered(
                registry,
                "clawhold_task_lateness_seconds",
                "From the due instant of a task to its firing",
                // 1 ms to 4.5 h: from steady state to the end of an outage.
                Histogram::new(exponential_buckets(0.001, 2.0, 25)),
            ),
            firings: registered(
                registry,
                "clawhold_task_firings",
                "Due instants of tasks, by what became of them",
                Family::default(),
            ),
        }
    }

    /// Notes how late a task was fired.
    pub(crate) fn observe_lateness(&self, lateness: Duration) {
        self.lateness.observe(lateness.as_secs_f64());
    }

    /// Counts due instants.
    pub(crate) fn firings(&self, result: FiringResult, count: u64) {
        self.firings.get_or_create(&FiringLabels { result }).inc_by(count);
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
