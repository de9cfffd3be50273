//! The text in which metrics are handed out. Each service registers its own in the registry it is given.

use std::fmt;

use prometheus_client::registry::{Metric, Registry};

/// Content type of [`encode`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Registers a metric and hands it back. The text format adds `_total` to the names of counters.
pub fn registered<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Encodes all metrics as OpenMetrics text.
///
/// # Errors
/// When a metric cannot write itself, which is a defect of that metric.
pub fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(text)
}
