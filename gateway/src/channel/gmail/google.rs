//! What Google's errors mean, for what is read and for what is sent.
//! <https://developers.google.com/workspace/gmail/api/guides/handle-errors>

use std::time::Duration;

use http::StatusCode;
use proto::outbound::SendOutcome;
use proto::time::Timestamp;
use serde::Deserialize;

use super::oauth::TokenError;
use crate::channel::{FetchError, ReceiveError};
use crate::rest::{Account, Answered, Exchange, bounded, common_outcome};

/// Wait after the limit of a day: it is no use to ask every second, and nobody says when the day ends.
const DAILY_WAIT: Duration = Duration::from_secs(600);

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    Refused(String),
    #[error("Gmail does not have it (any more)")]
    NotFound,
    #[error("{0}")]
    Failed(String),
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(_) => Self::Refused(error.to_string()),
            TokenError::Unavailable(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<ApiError> for ReceiveError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(reason) => Self::Refused(reason),
            ApiError::NotFound | ApiError::Failed(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<ApiError> for FetchError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::NotFound => Self::Gone("the mail is gone".to_owned()),
            ApiError::Refused(reason) | ApiError::Failed(reason) => Self::Unavailable(reason),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Body {
    error: GoogleError,
}

#[derive(Debug, Deserialize)]
pub(super) struct GoogleError {
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    reason: String,
}

impl GoogleError {
    fn reason(&self) -> &str {
        self.errors.first().map_or("", |detail| detail.reason.as_str())
    }

    /// "Retry after 2026-11-29T18:00:00.000Z" in the text is all that Gmail says of it; whole seconds, rounded up.
    fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let (_, rest) = self.message.split_once("Retry after ")?;
        let time = rest.split_whitespace().next()?;
        let time = chrono::DateTime::parse_from_rfc3339(time).ok()?;
        let wait_ms = (time.timestamp_millis() - now.as_millis()).max(0);
        bounded((wait_ms as f64 / 1_000.0).ceil())
    }

    fn is_rate(&self) -> bool {
        matches!(
            self.reason(),
            "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded"
        )
    }

    fn is_of_the_day(&self) -> bool {
        self.reason() == "dailyLimitExceeded" || self.message.contains("(Mail sending)")
    }
}

pub(super) fn google_error(answered: &Answered) -> Option<GoogleError> {
    answered.json::<Body>().ok().map(|body| body.error)
}

fn words(status: StatusCode, error: Option<&GoogleError>) -> String {
    match error {
        Some(error) => format!("Gmail answered {}: {}", status.as_u16(), error.message),
        None => format!("Gmail answered {}", status.as_u16()),
    }
}

pub(super) fn read_error(status: StatusCode, error: Option<GoogleError>) -> ApiError {
    let said = words(status, error.as_ref());
    let is_rate = error.as_ref().is_some_and(GoogleError::is_rate);
    let is_off = error
        .as_ref()
        .is_some_and(|error| error.reason() == "failedPrecondition");
    match status {
        StatusCode::NOT_FOUND => ApiError::NotFound,
        StatusCode::UNAUTHORIZED => ApiError::Refused(format!("{said}; run `clawhold auth gmail`")),
        StatusCode::FORBIDDEN if !is_rate => ApiError::Refused(format!("{said}; run `clawhold auth gmail`")),
        StatusCode::BAD_REQUEST if is_off => ApiError::Refused(said),
        _ => ApiError::Failed(said),
    }
}

/// What became of a send; `Err` is the answer to one that succeeded.
#[expect(clippy::result_large_err, reason = "an answer is moved once per call")]
pub(super) fn send_outcome(called: Result<Exchange, TokenError>, now: Timestamp) -> Result<SendOutcome, Answered> {
    let exchange = match called {
        Ok(exchange) => exchange,
        Err(error @ TokenError::Refused(_)) => {
            return Ok(SendOutcome::AccountDown {
                reason: error.to_string(),
                retry_after: None,
            });
        }
        Err(error @ TokenError::Unavailable(_)) => {
            return Ok(SendOutcome::NotSent {
                reason: error.to_string(),
                retry_after: None,
            });
        }
    };
    if let Exchange::Answered(answered) = &exchange
        && let Some(error) = google_error(answered)
    {
        let reason = words(answered.status, Some(&error));
        let retry_after = answered.retry_after().or_else(|| error.retry_after(now));
        match answered.status.as_u16() {
            403 | 429 if error.is_of_the_day() => {
                return Ok(SendOutcome::AccountDown {
                    reason,
                    retry_after: retry_after.or(Some(DAILY_WAIT)),
                });
            }
            403 | 429 if error.is_rate() => return Ok(SendOutcome::NotSent { reason, retry_after }),
            403 => return Ok(SendOutcome::AccountDown { reason, retry_after }),
            400 if error.reason() == "failedPrecondition" => {
                return Ok(SendOutcome::AccountDown { reason, retry_after });
            }
            _ => {}
        }
    }
    common_outcome(exchange, Account::LimitsChats, |answered| {
        google_error(answered).map(|error| error.message)
    })
}
