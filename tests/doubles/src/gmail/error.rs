//! Google's errors, in Google's words.

use http::StatusCode;
use serde_json::json;

use crate::platform::Answer;

/// An error of a Google API.
#[derive(Clone, Debug)]
pub(super) struct GoogleError {
    code: u16,
    reason: &'static str,
    status: &'static str,
    message: String,
}

impl GoogleError {
    fn new(code: u16, reason: &'static str, status: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            reason,
            status,
            message,
        }
    }

    pub(super) fn credentials() -> Self {
        Self::new(
            401,
            "authError",
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
             authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "notFound", "NOT_FOUND", "Requested entity was not found.")
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalidArgument", "INVALID_ARGUMENT", message)
    }

    pub(super) fn too_large() -> Self {
        Self::new(413, "uploadTooLarge", "INVALID_ARGUMENT", "Request Entity Too Large")
    }

    pub(super) fn mail_is_off() -> Self {
        Self::new(
            400,
            "failedPrecondition",
            "FAILED_PRECONDITION",
            "Mail service not enabled",
        )
    }

    /// The same limit as 403 and as 429; when to come back stands in the text alone.
    pub(super) fn user_rate(code: u16, until_ms: u64) -> Self {
        let message = format!("User-rate limit exceeded.  Retry after {}", rfc3339(until_ms));
        match code {
            403 => Self::new(403, "userRateLimitExceeded", "PERMISSION_DENIED", message),
            _ => Self::new(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", message),
        }
    }

    pub(super) fn daily_sending(until_ms: u64) -> Self {
        let message = format!(
            "User-rate limit exceeded.  Retry after {} (Mail sending)",
            rfc3339(until_ms)
        );
        Self::new(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", message)
    }

    pub(super) fn answer(&self) -> Answer {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::BAD_REQUEST);
        let error = json!({
            "code": self.code,
            "message": self.message,
            "errors": [{ "message": self.message, "domain": "global", "reason": self.reason }],
            "status": self.status,
        });
        Answer::json(status, &json!({ "error": error }))
    }
}

fn rfc3339(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(chrono::DateTime::from_timestamp_millis);
    time.unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
