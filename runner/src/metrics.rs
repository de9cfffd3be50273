//! The runner's metrics. Label sets are closed; never a group, chat or user in a label.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use proto::inbound::InboxMessage;
use proto::time::Timestamp;
use proto::turn::Usage;
use service::metrics::registered;

use crate::{proxy, snapshot};

/// Bounds in seconds: fine where a fleet usually is, coarse where something is wrong.
const INBOX_WAITS: [f64; 19] = [
    0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0,
];

/// What the runner counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) proxy: proxy::Metrics,
    pub(crate) snapshots: snapshot::Metrics,
    pub(crate) claims: Counter,
    pub(crate) evictions: Counter,
    pub(crate) turns_committed: Counter,
    pub(crate) turns_failed: Counter,
    pub(crate) fences_lost: Counter,
    pub(crate) store_retries: Counter,
    pub(crate) refused_files: Counter,
    sandbox_start_seconds: Histogram,
    inbox_wait_seconds: Histogram,
    input_tokens: Counter,
    output_tokens: Counter,
    cost_micros: Counter,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let proxy = proxy::Metrics::register(registry);
        let snapshots = snapshot::Metrics::register(registry);
        let mut counter = |name: &str, help: &str| registered(registry, name, help, Counter::default());
        Self {
            proxy,
            snapshots,
            claims: counter("clawhold_claims", "Groups claimed by this runner"),
            evictions: counter(
                "clawhold_evictions",
                "Idle sandboxes closed because another group waited for a slot",
            ),
            turns_committed: counter("clawhold_turns_committed", "Turns that became true"),
            turns_failed: counter("clawhold_turns_failed", "Attempts at turns that failed"),
            fences_lost: counter(
                "clawhold_fences_lost",
                "Runs ended because the group was no longer ours or could not be written",
            ),
            store_retries: counter(
                "clawhold_runner_store_retries",
                "Store calls repeated because the store was unavailable",
            ),
            refused_files: counter("clawhold_refused_files", "Files of sandboxes that were refused"),
            input_tokens: counter(
                "clawhold_model_input_tokens",
                "Tokens in, cached ones included, as the Agent SDK reports them",
            ),
            output_tokens: counter(
                "clawhold_model_output_tokens",
                "Tokens out, as the Agent SDK reports them",
            ),
            cost_micros: counter(
                "clawhold_model_cost_micros",
                "Cost of committed turns in millionths of a US dollar",
            ),
            // 50 ms to 51 s: a warm engine starts a sandbox in well under a second, a cold one may take many.
            sandbox_start_seconds: registered(
                registry,
                "clawhold_sandbox_start_seconds",
                "Time from the decision to start a sandbox to a started one",
                Histogram::new(exponential_buckets(0.05, 2.0, 11)),
            ),
            // A few milliseconds where a slot or a warm sandbox is free; as long as it takes where none is.
            inbox_wait_seconds: registered(
                registry,
                "clawhold_inbox_wait_seconds",
                "Time from when a message was sent, by its platform's clock, until a runner had read it for the agent it calls",
                Histogram::new(INBOX_WAITS),
            ),
        }
    }

    /// Takes note of messages just read for the first time.
    pub(crate) fn observe_read<'a>(&self, messages: impl Iterator<Item = &'a InboxMessage>, now: Timestamp) {
        let calling = messages
            .map(|message| &message.envelope)
            .filter(|envelope| envelope.engages && envelope.task.is_none());
        for envelope in calling {
            self.inbox_wait_seconds
                .observe(now.since(envelope.sent_at).as_secs_f64());
        }
    }

    pub(crate) fn observe_start(&self, took: Duration) {
        self.sandbox_start_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn observe_usage(&self, usage: &Usage, cost_micros: Option<i64>) {
        let cached = usage
            .cache_creation_input_tokens
            .saturating_add(usage.cache_read_input_tokens);
        self.input_tokens.inc_by(usage.input_tokens.saturating_add(cached));
        self.output_tokens.inc_by(usage.output_tokens);
        self.cost_micros
            .inc_by(cost_micros.and_then(|cost| u64::try_from(cost).ok()).unwrap_or(0));
    }
}
