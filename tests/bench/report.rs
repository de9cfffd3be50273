//! Distributions, and how they are printed.

use std::time::Duration;

use serde_json::json;

/// A measured distribution.
pub(crate) struct Measurement {
    /// Name, as given to `script/bench`.
    pub(crate) name: &'static str,
    /// Unit of all values.
    pub(crate) unit: &'static str,
    /// The samples.
    pub(crate) samples: Vec<f64>,
    /// What the figure depends on.
    pub(crate) depends_on: &'static str,
}

impl Measurement {
    /// A distribution of durations, in milliseconds.
    pub(crate) fn of_durations(name: &'static str, samples: &[Duration], depends_on: &'static str) -> Self {
        let samples = samples.iter().map(|sample| sample.as_secs_f64() * 1e3).collect();
        Self {
            name,
            unit: "ms",
            samples,
            depends_on,
        }
    }

    /// The value below which this share of the samples lies (nearest rank).
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
        (sorted[rank - 1] * 100.0).round() / 100.0
    }
}

/// Prints the head of the table.
pub(crate) fn header() {
    eprintln!(
        "{:<20} {:>5} {:>5} {:>9} {:>9} {:>9} {:>9}",
        "measurement", "unit", "n", "p50", "p90", "p99", "max"
    );
}

/// Prints one measurement.
pub(crate) fn print(measurement: &Measurement) {
    let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| measurement.percentile(share));
    let Measurement {
        name,
        unit,
        samples,
        depends_on,
    } = measurement;
    eprintln!(
        "{name:<20} {unit:>5} {:>5} {p50:>9} {p90:>9} {p99:>9} {max:>9}",
        samples.len()
    );
    let object = json!({
        "name": name, "unit": unit, "n": samples.len(), "p50": p50, "p90": p90, "p99": p99, "max": max, "depends_on": depends_on,
    });
    println!("{object}");
}

/// Prints what is no distribution.
pub(crate) fn print_object(object: &serde_json::Value) {
    eprintln!("{object:#}");
    println!("{object}");
}
