//! The errors of the Messages API: status, type and message as the service words them.
//!
//! Source: <https://docs.claude.com/en/api/errors>. Does not know when an error is due.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

/// What a 429 asks the client to wait when nothing else is said. Short, because tests sit through it.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// One error answer of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status of the answer.
    pub status: StatusCode,
    /// `error.type` in the body, e.g. `overloaded_error`.
    pub kind: &'static str,
    /// `error.message` in the body.
    pub message: String,
    /// Value of the `retry-after` header, rounded up to whole seconds.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// 400 `invalid_request_error`.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 401 `authentication_error`.
    pub fn authentication(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message)
    }

    /// 403 `permission_error`.
    pub fn permission(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_error", message)
    }

    /// 404 `not_found_error`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message)
    }

    /// 405, which the API types as an invalid request.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            "Method Not Allowed",
        )
    }

    /// 413 `request_too_large`.
    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request_too_large",
            "Request exceeds the maximum size",
        )
    }

    /// 429 `rate_limit_error` that asks the client to wait for `retry_after`.
    pub fn rate_limited(retry_after: Duration) -> Self {
        let message = "This request would exceed your account's rate limit. Please try again later.";
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message)
        }
    }

    /// 500 `api_error`.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "Internal server error")
    }

    /// 529 `overloaded_error`.
    pub fn overloaded() -> Self {
        let status = StatusCode::from_u16(529).expect("529 is within the range of status codes");
        Self::new(status, "overloaded_error", "Overloaded")
    }

    /// The error the API answers with this status, or `None` when it has no error for it.
    #[must_use]
    pub fn from_status(status: u16) -> Option<Self> {
        match status {
            400 => Some(Self::invalid_request("The request was refused by the script.")),
            401 => Some(Self::authentication("invalid x-api-key")),
            403 => Some(Self::permission(
                "Your API key does not have permission to use the specified resource.",
            )),
            404 => Some(Self::not_found("Not found")),
            413 => Some(Self::too_large()),
            429 => Some(Self::rate_limited(RETRY_AFTER_DEFAULT)),
            500..=528 | 530..=599 => Some(Self {
                status: StatusCode::from_u16(status).ok()?,
                ..Self::internal()
            }),
            529 => Some(Self::overloaded()),
            _ => None,
        }
    }

    /// The body of the answer, and of an `error` event inside a stream.
    #[must_use]
    pub fn to_json(&self, request_id: &str) -> Value {
        json!({
            "type": "error",
            "error": { "type": self.kind, "message": self.message },
            "request_id": request_id,
        })
    }

    /// Whether the API tells clients that trying again may help (`x-should-retry`).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }
}
