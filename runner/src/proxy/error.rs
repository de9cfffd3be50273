//! What the proxy itself answers, in the shape of the model API's errors, so that the agent shows it as one.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;

/// Why a body broke off.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// Body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// An error answer of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl ApiError {
    pub(super) fn unauthorised() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "this is not the token of this run",
        )
    }

    pub(super) fn forbidden(path: &str) -> Self {
        let path: String = path.chars().take(100).collect();
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            format!("the sandbox may not ask for {path}"),
        )
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the request is larger than the limit of {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    /// The runner must not act now.
    pub(super) fn shut() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "api_error",
            "the runner has lost its lease and may not act",
        )
    }

    /// The real credential cannot be had.
    pub(super) fn no_credential(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = if status == StatusCode::UNAUTHORIZED {
            "authentication_error"
        } else {
            "api_error"
        };
        Self::new(status, kind, message)
    }

    /// The model API did not answer.
    pub(super) fn upstream(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "api_error", message)
    }

    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let error = json!({ "type": "error", "error": { "type": self.kind, "message": self.message } }).to_string();
        let length = error.len();
        let body = Full::new(Bytes::from(error))
            .map_err(|never| match never {})
            .boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }
}
