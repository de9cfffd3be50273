//! What happens to every request: read within bounds, check, record, hand to its endpoint, sign the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::Instant;

use super::super::protocol::error::ApiError;
use super::State;
use super::body::{Body, whole};
use super::credentials::Auth;
use super::endpoint::{self, Endpoint};
use super::ids;
use super::record::RecordedRequest;
use crate::wire::Link;

/// The API's limit for a request to create a message: 32 MB.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A body beyond the limit is read and dropped up to here, so that the client gets to read the answer.
const DRAIN_BYTES_MAX: usize = 3 * BODY_BYTES_MAX;
/// A client that stops sending in the middle of a body does not hold its place for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A request read to its end.
pub(super) struct Received {
    pub(super) request_id: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Arc<Value>,
    /// Why the body is no JSON, if it is not.
    pub(super) malformed: Option<String>,
    pub(super) body_bytes: usize,
}

pub(super) async fn answer(state: Arc<State>, link: Link, request: Request<Incoming>) -> Response<Body> {
    let (parts, incoming) = request.into_parts();
    let read = tokio::time::timeout(BODY_TIMEOUT, read(incoming)).await;
    let bytes = read.unwrap_or_else(|_| Err(ApiError::invalid_request("The request body was not sent in time.")));
    let endpoint = Endpoint::of(&parts.method, parts.uri.path());
    let auth = match endpoint.asks_for_credentials() {
        true => state.credentials.check(&state.oauth, &parts.headers),
        false => Auth::NotAsked,
    };
    let body = bytes.as_ref().map(|bytes| serde_json::from_slice(bytes));
    let malformed = body
        .as_ref()
        .ok()
        .and_then(|parsed| parsed.as_ref().err())
        .map(ToString::to_string);
    let received = Received {
        request_id: ids::mint("req_"),
        headers: parts.headers.clone(),
        body: Arc::new(body.ok().and_then(Result::ok).unwrap_or(Value::Null)),
        malformed,
        body_bytes: bytes.as_ref().map_or(0, Bytes::len),
    };
    let number = state.recorder.record(RecordedRequest {
        number: 0,
        at: Instant::now(),
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        auth: auth.clone(),
        body: Arc::clone(&received.body),
        body_bytes: received.body_bytes,
        status: None,
    });
    let outcome = match (auth.refusal(), bytes) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(unreadable)) => Err(unreadable),
        (None, Ok(_)) => endpoint::handle(endpoint, &state, link, &received).await,
    };
    let mut response = outcome.unwrap_or_else(|error| refused(&error, &received.request_id));
    if let Ok(value) = HeaderValue::from_str(&received.request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    state.recorder.answered(number, response.status());
    response
}

/// A JSON answer.
pub(super) fn json(status: http::StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(whole(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error answer.
pub(super) fn refused(error: &ApiError, request_id: &str) -> Response<Body> {
    let mut response = json(error.status, &error.to_json(request_id));
    let retry = if error.is_retryable() { "true" } else { "false" };
    response
        .headers_mut()
        .insert(SHOULD_RETRY, HeaderValue::from_static(retry));
    if let Some(wait) = error.retry_after {
        // Rounded up: a client that waits as told must not come too early.
        let seconds = wait.as_millis().div_ceil(1_000);
        response.headers_mut().insert(
            RETRY_AFTER,
            HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)),
        );
    }
    response
}

async fn read(mut incoming: Incoming) -> Result<Bytes, ApiError> {
    let mut kept = BytesMut::new();
    let mut total = 0;
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| ApiError::invalid_request("The request body could not be read."))?;
        let Ok(data) = frame.into_data() else { continue };
        total += data.len();
        if total > DRAIN_BYTES_MAX {
            break;
        }
        if total <= BODY_BYTES_MAX {
            kept.extend_from_slice(&data);
        } else {
            kept = BytesMut::new();
        }
    }
    if total > BODY_BYTES_MAX {
        Err(ApiError::too_large())
    } else {
        Ok(kept.freeze())
    }
}
