//! The gateway's metrics.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use service::metrics::registered;

/// From the writing of an outbox row to its arrival: a local chat takes milliseconds, a platform that is down days.
const DELAY_BUCKETS_S: [f64; 12] = [
    0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 14_400.0, 86_400.0,
];

/// Counters of the gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: Family<IntakeLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    delay: Family<ChannelLabel, Histogram, fn() -> Histogram>,
    accounts_held: Family<ChannelLabel, Gauge>,
    accounts_in_trouble: Family<ChannelLabel, Gauge>,
    feed_breaks: Family<ChannelLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IntakeLabels {
    channel: String,
    outcome: IntakeOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    channel: String,
    outcome: DeliveryOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabel {
    channel: String,
}

/// What became of an inbound event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IntakeOutcome {
    Accepted,
    Context,
    Duplicate,
    Unregistered,
    Dropped,
    Own,
    Command,
    Invalid,
    Unavailable,
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DeliveryOutcome {
    Sent,
    Part,
    Retried,
    Uncertain,
    Dead,
}

impl EncodeLabelValue for IntakeOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Accepted => "accepted",
            Self::Context => "context",
            Self::Duplicate => "duplicate",
            Self::Unregistered => "unregistered",
            Self::Dropped => "dropped",
            Self::Own => "own",
            Self::Command => "command",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        })
    }
}

impl EncodeLabelValue for DeliveryOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Self::Sent => "sent",
            Self::Part => "part",
            Self::Retried => "retried",
            Self::Uncertain => "uncertain",
            Self::Dead => "dead",
        })
    }
}

impl Metrics {
    /// Registers the gateway's metrics.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            events: registered(
                registry,
                "clawhold_intake_events",
                "Inbound events by channel and what became of them",
                Family::default(),
            ),
            deliveries: registered(
                registry,
                "clawhold_deliveries",
                "Attempts to send an outbox row by channel and what became of them",
                Family::default(),
            ),
            delay: registered(
                registry,
                "clawhold_delivery_delay_seconds",
                "Time from the writing of an outbox row to its arrival at the platform",
                Family::new_with_constructor(|| Histogram::new(DELAY_BUCKETS_S)),
            ),
            accounts_held: registered(
                registry,
                "clawhold_accounts_held",
                "Accounts whose lease this gateway holds, by channel",
                Family::default(),
            ),
            accounts_in_trouble: registered(
                registry,
                "clawhold_accounts_in_trouble",
                "Accounts held by this gateway that cannot send or receive, by channel",
                Family::default(),
            ),
            feed_breaks: registered(
                registry,
                "clawhold_feed_breaks",
                "How often the feed of an account broke off or fell silent, by channel",
                Family::default(),
            ),
        }
    }

    /// Counts an inbound event. `channel` is a channel's name, of which there are few.
    pub(crate) fn count_intake(&self, channel: &str, outcome: IntakeOutcome) {
        let labels = IntakeLabels {
            channel: channel.to_owned(),
            outcome,
        };
        self.events.get_or_create(&labels).inc();
    }

    /// Counts an attempt to send.
    pub(crate) fn count_delivery(&self, channel: &str, outcome: DeliveryOutcome) {
        let labels = DeliveryLabels {
            channel: channel.to_owned(),
            outcome,
        };
        self.deliveries.get_or_create(&labels).inc();
    }

    /// Notes that this gateway acts for one more account, or for one less.
    pub(crate) fn count_account(&self, channel: &str, is_held: bool) {
        let labels = ChannelLabel {
            channel: channel.to_owned(),
        };
        self.accounts_held
            .get_or_create(&labels)
            .inc_by(if is_held { 1 } else { -1 });
    }

    /// Notes that one more account is in trouble, or one less.
    pub(crate) fn count_trouble(&self, channel: &str, is_in_trouble: bool) {
        let labels = ChannelLabel {
            channel: channel.to_owned(),
        };
        self.accounts_in_trouble
            .get_or_create(&labels)
            .inc_by(if is_in_trouble { 1 } else { -1 });
    }

    /// Counts a feed that broke off or fell silent.
    pub(crate) fn count_feed_break(&self, channel: &str) {
        let labels = ChannelLabel {
            channel: channel.to_owned(),
        };
        self.feed_breaks.get_or_create(&labels).inc();
    }

    /// Records how long a delivered row was under way.
    pub(crate) fn observe_delay(&self, channel: &str, delay: std::time::Duration) {
        let labels = ChannelLabel {
            channel: channel.to_owned(),
        };
        self.delay.get_or_create(&labels).observe(delay.as_secs_f64());
    }
}
