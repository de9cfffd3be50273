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

    pub(super) fn mail_is_off() -> Self {
        Self::new(
            400,
            "failedPrecondition",
            "FAILED_PRECONDITION",
            "Mail service not enabled",
        )
    }

    pub(super) fn user_rate() -> Self {
        Self::new(
            403,
            "userRateLimitExceeded",
            "PERMISSION_DENIED",
            "User Rate Limit Exceeded",
        )
    }

    pub(super) fn rate() -> Self {
        Self::new(
            429,
            "rateLimitExceeded",
            "RESOURCE_EXHAUSTED",
            "Too many concurrent requests for user.",
        )
    }

    pub(super) fn daily_sending() -> Self {
        Self::new(
            429,
            "rateLimitExceeded",
            "RESOURCE_EXHAUSTED",
            "User-rate limit exceeded.  Retry after 2026-11-29T18:00:00.000Z (Mail sending)",
        )
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
