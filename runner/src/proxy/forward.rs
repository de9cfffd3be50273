//! One request of an agent, from its arrival to the head of its answer.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;

use super::answer_body;
use super::endpoint::Endpoint;
use super::error::{ApiError, Body};
use super::handle::Run;
use super::headers;
use super::metrics::Outcome;
use super::proxies::Shared;
use super::send::{Failure, send};
use super::usage::UsageScanner;

/// Answers a request, with the model API's answer or with an error of ours.
pub(super) async fn forward(shared: Arc<Shared>, run: Arc<Run>, request: Request<Incoming>) -> Response<Body> {
    match try_forward(&shared, &run, request).await {
        Ok(response) => response,
        Err((outcome, error)) => {
            shared.metrics.request(outcome);
            tracing::debug!(
                status = error.status.as_u16(),
                reason = error.message,
                "a request of an agent was not forwarded"
            );
            error.into_response()
        }
    }
}

async fn try_forward(shared: &Shared, run: &Arc<Run>, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let (head, body) = request.into_parts();
    let endpoint = Endpoint::of(&head.method, head.uri.path());
    // The token first: who has none learns nothing.
    if endpoint != Some(Endpoint::Hello) && !run.token.is_in(&head.headers) {
        return Err((Outcome::Unauthorised, ApiError::unauthorised()));
    }
    let endpoint = endpoint.ok_or_else(|| (Outcome::Refused, ApiError::forbidden(head.uri.path())))?;
    let pass = run.gate.enter().filter(|_| shared.is_trusted());
    let pass = pass.ok_or_else(|| (Outcome::Refused, ApiError::shut()))?;
    let response = tokio::select! {
        biased;
        () = pass.cancelled() => return Err((Outcome::Aborted, ApiError::shut())),
        response = send(shared, endpoint, &head, body) => response?,
    };
    let outcome = if response.status().is_success() {
        Outcome::Answered
    } else {
        Outcome::UpstreamError
    };
    shared.metrics.request(outcome);
    let scanner = match endpoint {
        Endpoint::Messages => {
            run.count_request();
            UsageScanner::of(
                response
                    .headers()
                    .get(CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default(),
            )
        }
        Endpoint::Hello | Endpoint::Other => UsageScanner::Nothing,
    };
    let (status, passed) = (response.status(), headers::for_agent(response.headers()));
    let mut answer = Response::new(answer_body::pass_on(
        response,
        scanner,
        Arc::clone(run),
        shared.metrics.clone(),
        pass,
    ));
    *answer.status_mut() = status;
    *answer.headers_mut() = passed;
    Ok(answer)
}
