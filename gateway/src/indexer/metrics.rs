//! The indexer's metrics.

use std::fmt::{self, Write};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use proto::ingest::IndexReport;
use service::metrics::registered;

/// A batch is one transaction: a few milliseconds on a good day.
const BATCH_BUCKETS_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// Counters of the indexer; cheap to clone.
#[derive(Clone, Debug)]
pub struct IndexerMetrics {
    messages: Family<ResultLabel, Counter>,
    batch: Histogram,
    overtaken: Counter,
    lag: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: MessageResult,
}

/// What became of a message of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum MessageResult {
    Stored,
    Duplicate,
    Rejected,
}

impl EncodeLabelValue for MessageResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        })
    }
}

impl IndexerMetrics {
    /// Registers the indexer's metrics.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            messages: registered(
                registry,
                "clawhold_indexed_messages",
                "Messages of the log by what became of them: stored, duplicate, or rejected to the dead letters",
                Family::default(),
            ),
            batch: registered(
                registry,
                "clawhold_index_batch_seconds",
                "Time one batch took to be committed",
                Histogram::new(BATCH_BUCKETS_S),
            ),
            overtaken: registered(
                registry,
                "clawhold_index_overtaken",
                "Batches dropped because another gateway had indexed them: wasted work",
                Counter::default(),
            ),
            lag: registered(
                registry,
                "clawhold_index_lag_seconds",
                "Age of the oldest accepted message that is not indexed yet; 0 when there is none",
                Gauge::default(),
            ),
        }
    }

    pub(super) fn count(&self, report: &IndexReport) {
        let counts = [
            (MessageResult::Stored, report.stored),
            (MessageResult::Duplicate, report.duplicates),
            (MessageResult::Rejected, report.rejected),
        ];
        for (result, count) in counts {
            self.messages.get_or_create(&ResultLabel { result }).inc_by(count);
        }
    }

    pub(super) fn observe_batch(&self, took: Duration) {
        self.batch.observe(took.as_secs_f64());
    }

    pub(super) fn count_overtaken(&self) {
        self.overtaken.inc();
    }

    pub(super) fn set_lag(&self, lag: Duration) {
        self.lag.set(lag.as_secs_f64());
    }

    /// Batches dropped so far.
    #[cfg(test)]
    pub(super) fn overtaken(&self) -> u64 {
        self.overtaken.get()
    }
}
