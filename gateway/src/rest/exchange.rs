//! How far a call got.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

/// Longest wait a platform may ask for: beyond that we ask again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// How far a call got.
#[derive(Debug)]
pub enum Exchange {
    /// It surely did not leave: no name, no route, no connection.
    NotSent {
        /// Why.
        reason: String,
    },
    /// It left, in whole or in part, and no whole answer came: it may have been executed.
    Lost {
        /// Why.
        reason: String,
    },
    /// It was answered.
    Answered(Answered),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answered {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not what was expected; says what the platform's answer lacks, without its content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            format!(
                "the answer (status {}) is not understood: {error}",
                self.status.as_u16()
            )
        })
    }

    /// `Retry-After` in seconds, whole or with a fraction; the form with a date is left to our own back-off.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        let seconds: f64 = text.parse().ok()?;
        bounded(seconds)
    }
}

/// Seconds a platform asks to wait, if they make sense.
pub(crate) fn bounded(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|wait| wait.min(RETRY_AFTER_MAX))
}
