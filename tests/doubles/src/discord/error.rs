//! Discord's errors: a status, a code of its own, a text.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::rate::Scope;
use crate::platform::Answer;

/// A call that is refused.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: u32,
    message: &'static str,
    errors: Option<Value>,
}

impl ApiError {
    const fn of(status: StatusCode, code: u32, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            errors: None,
        }
    }

    pub(super) const UNAUTHORIZED: Self = Self::of(StatusCode::UNAUTHORIZED, 0, "401: Unauthorized");
    pub(super) const NOT_FOUND: Self = Self::of(StatusCode::NOT_FOUND, 0, "404: Not Found");
    pub(super) const WRONG_METHOD: Self = Self::of(StatusCode::METHOD_NOT_ALLOWED, 0, "405: Method Not Allowed");
    pub(super) const BAD_USER_AGENT: Self = Self::of(StatusCode::FORBIDDEN, 40333, "internal network error");
    pub(super) const UNKNOWN_CHANNEL: Self = Self::of(StatusCode::NOT_FOUND, 10003, "Unknown Channel");
    pub(super) const UNKNOWN_GUILD: Self = Self::of(StatusCode::NOT_FOUND, 10004, "Unknown Guild");
    pub(super) const UNKNOWN_MEMBER: Self = Self::of(StatusCode::NOT_FOUND, 10007, "Unknown Member");
    pub(super) const UNKNOWN_MESSAGE: Self = Self::of(StatusCode::NOT_FOUND, 10008, "Unknown Message");
    pub(super) const UNKNOWN_USER: Self = Self::of(StatusCode::NOT_FOUND, 10013, "Unknown User");
    pub(super) const UNKNOWN_EMOJI: Self = Self::of(StatusCode::BAD_REQUEST, 10014, "Unknown Emoji");
    pub(super) const UNKNOWN_INTERACTION: Self = Self::of(StatusCode::NOT_FOUND, 10062, "Unknown interaction");
    pub(super) const TOO_LARGE: Self = Self::of(StatusCode::PAYLOAD_TOO_LARGE, 40005, "Request entity too large");
    pub(super) const ALREADY_ACKNOWLEDGED: Self = Self::of(
        StatusCode::BAD_REQUEST,
        40060,
        "Interaction has already been acknowledged.",
    );
    pub(super) const MISSING_ACCESS: Self = Self::of(StatusCode::FORBIDDEN, 50001, "Missing Access");
    pub(super) const NOT_THE_AUTHOR: Self = Self::of(
        StatusCode::FORBIDDEN,
        50005,
        "Cannot edit a message authored by another user",
    );
    pub(super) const EMPTY_MESSAGE: Self = Self::of(StatusCode::BAD_REQUEST, 50006, "Cannot send an empty message");
    pub(super) const NO_DMS: Self = Self::of(StatusCode::FORBIDDEN, 50007, "Cannot send messages to this user");
    pub(super) const NOT_TEXT: Self = Self::of(
        StatusCode::BAD_REQUEST,
        50008,
        "Cannot send messages in a non-text channel",
    );
    pub(super) const NO_JSON: Self = Self::of(
        StatusCode::BAD_REQUEST,
        50109,
        "The request body contains invalid JSON.",
    );

    /// A field of the body that breaks a rule.
    pub(super) fn invalid(field: &str, code: &str, message: &str) -> Self {
        Self {
            errors: Some(json!({ field: { "_errors": [{ "code": code, "message": message }] } })),
            ..Self::of(StatusCode::BAD_REQUEST, 50035, "Invalid Form Body")
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        Answer::json(self.status, &body)
    }
}

/// "Too many requests", and how long to wait.
pub(super) fn limited(retry_after: Duration, scope: Scope) -> Answer {
    let seconds = retry_after.as_secs_f64();
    let body = json!({
        "message": scope.message(),
        "retry_after": (seconds * 1_000.0).ceil() / 1_000.0,
        "global": scope == Scope::Global,
        "code": scope.code(),
    });
    let mut answer = Answer::json(StatusCode::TOO_MANY_REQUESTS, &body)
        .header("retry-after", retry_after.as_millis().div_ceil(1_000))
        .header("x-ratelimit-scope", scope.name());
    if scope == Scope::Global {
        answer = answer.header("x-ratelimit-global", "true");
    }
    answer
}
