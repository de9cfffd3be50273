//! What moving snapshots costs.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What is counted.
#[derive(Clone, Debug)]
pub struct Metrics {
    bytes: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram>,
    files_read: Counter,
    refused: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    direction: Direction,
}

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Direction {
    /// To the store.
    Upload,
    /// From the store.
    Restore,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            bytes: Family::default(),
            // 5 ms to 80 s: from a small file on a local disk to a gigabyte on a slow line.
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.005, 2.0, 15))),
            files_read: Counter::default(),
            refused: Counter::default(),
        };
        let mut register = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        register(
            "clawhold_snapshot_files_read",
            "Files read because they may have changed",
            &metrics.files_read,
        );
        register(
            "clawhold_snapshots_refused",
            "Snapshots refused for a quota",
            &metrics.refused,
        );
        registry.register(
            "clawhold_snapshot_bytes",
            "Bytes of snapshots moved, by direction",
            metrics.bytes.clone(),
        );
        registry.register(
            "clawhold_snapshot_seconds",
            "Time a snapshot took to move, by direction",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub(super) fn observe(&self, direction: Direction, bytes: u64, took: Duration) {
        let labels = Labels { direction };
        self.bytes.get_or_create(&labels).inc_by(bytes);
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn read(&self, files: u64) {
        self.files_read.inc_by(files);
    }

    #[cfg(test)]
    pub(super) fn files_read(&self) -> u64 {
        self.files_read.get()
    }

    pub(super) fn refused(&self) {
        self.refused.inc();
    }
}
