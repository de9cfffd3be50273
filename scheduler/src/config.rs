//! Settings of the scheduler: section `retention`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use service::config::range;

/// How long what is done is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days.
    #[serde(deserialize_with = "range::within::<1, 36_500, _, _>")]
    pub keep_days: u32,
}

impl Retention {
    /// The days as a span.
    pub fn keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 24 * 60 * 60)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep_days: 90 }
    }
}
