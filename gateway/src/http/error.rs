//! The one shape of an error answer: `{"error": {"code", "message"}}`, where the message says what to do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use proto::inbound::InvalidEvent;
use serde_json::json;

use crate::intake::Refused;

/// Seconds after which a request that found the store unavailable is worth repeating.
const RETRY_AFTER_S: &str = "2";

/// An error answer.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    /// Any error answer.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request is not what is expected.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// What the request names does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The group is not registered.
    pub fn no_such_group(group: &str) -> Self {
        let message = format!("there is no group {group:?}: add it with `clawhold group add {group}`");
        Self::new(StatusCode::NOT_FOUND, "no_such_group", message)
    }

    /// More than is taken in one request.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// Not now; the same request may succeed later.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound { .. } => Self::not_found(error.to_string()),
            store::Error::Conflict(reason) => Self::new(StatusCode::CONFLICT, "conflict", reason),
            store::Error::Fenced(_)
            | store::Error::LeaseLost(_)
            | store::Error::RunnerReplaced { .. }
            | store::Error::Unavailable(_) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a request found the store unavailable"
                );
                Self::busy("the database cannot answer now: try again in a moment")
            }
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(InvalidEvent::Empty) => Self::bad_request(refused.to_string()),
            Refused::Invalid(InvalidEvent::TooLong { .. }) | Refused::TooLarge { .. } => {
                Self::too_large(refused.to_string())
            }
            Refused::Unavailable(error) => {
                tracing::warn!(
                    error = &*error as &dyn std::error::Error,
                    "a message could not be taken"
                );
                Self::busy("the message could not be stored now: send it again, with the same id")
            }
        }
    }
}
