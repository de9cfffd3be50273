//! Sends one request to the model API with the real credential.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

use super::credentials::Credential;
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::headers;
use super::metrics::Outcome;
use super::proxies::Shared;
use super::upstream::describe;

/// Largest request, in bytes: the model API's own limit.
pub(super) const REQUEST_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Time to the head of an answer. An answer without streaming begins when the model is done, which may take ten minutes.
const HEAD_TIME: Duration = Duration::from_secs(11 * 60);

/// Why there is no answer, and how that is counted.
pub(super) type Failure = (Outcome, ApiError);

/// A body that can be sent once, or again.
enum Content {
    Streamed(Box<Limited<Incoming>>),
    Kept(Bytes),
}

/// Sends a request. When a renewable credential is refused, it is renewed and the request is sent once more.
pub(super) async fn send(
    shared: &Shared,
    endpoint: Endpoint,
    head: &Parts,
    body: Incoming,
) -> Result<reqwest::Response, Failure> {
    if body.size_hint().lower() > REQUEST_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let body = Limited::new(body, REQUEST_BYTES_MAX);
    if endpoint == Endpoint::Hello {
        return once(shared, head, None, Content::Streamed(Box::new(body))).await;
    }
    let credential = shared.credentials.current().await.map_err(no_credential)?;
    if !shared.credentials.can_change() {
        return once(shared, head, Some(&credential), Content::Streamed(Box::new(body))).await;
    }
    let kept = body.collect().await.map_err(|error| unreadable(&*error))?.to_bytes();
    let response = once(shared, head, Some(&credential), Content::Kept(kept.clone())).await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    match shared.credentials.instead_of(&credential).await {
        Some(Ok(other)) => once(shared, head, Some(&other), Content::Kept(kept)).await,
        Some(Err(error)) => Err(no_credential(error)),
        None => Ok(response),
    }
}

async fn once(
    shared: &Shared,
    head: &Parts,
    credential: Option<&Credential>,
    content: Content,
) -> Result<reqwest::Response, Failure> {
    let url = shared.upstream.url(head.uri.path(), head.uri.query());
    let headers: HeaderMap = headers::for_upstream(&head.headers, credential);
    let request = shared
        .upstream
        .client
        .request(head.method.clone(), url)
        .headers(headers);
    let request = match content {
        Content::Streamed(body) if body.is_end_stream() => request,
        Content::Streamed(body) => request.body(reqwest::Body::wrap(body)),
        Content::Kept(body) if body.is_empty() => request,
        Content::Kept(body) => request.body(body),
    };
    match tokio::time::timeout(HEAD_TIME, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
        Ok(Err(error)) => {
            let did = if error.is_connect() {
                "cannot be reached"
            } else {
                "did not answer"
            };
            let why = format!("the model API at {} {did}: {}", shared.upstream.host(), describe(error));
            tracing::warn!(reason = why, "a request of an agent failed");
            Err((Outcome::Unreachable, ApiError::upstream(why)))
        }
        Err(_) => {
            let why = format!(
                "the model API at {} did not answer within {HEAD_TIME:?}",
                shared.upstream.host()
            );
            Err((Outcome::Unreachable, ApiError::upstream(why)))
        }
    }
}

fn unreadable(error: &(dyn Error + 'static)) -> Failure {
    if is_length_limit(error) {
        return too_large();
    }
    // The agent hung up in the middle; nobody is left to read this.
    (Outcome::Aborted, ApiError::upstream("the request broke off"))
}

fn too_large() -> Failure {
    (Outcome::Refused, ApiError::too_large(REQUEST_BYTES_MAX))
}

fn no_credential(error: ApiError) -> Failure {
    (Outcome::NoCredential, error)
}

fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_length_limit)
}
